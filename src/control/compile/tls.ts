/** TLS of a configuration as data of a snapshot. */

import { resolve } from "node:path";

import type {
  ClientCertificatesConfig,
  Config,
  ListenConfig,
  TlsNameConfig,
  UpstreamConfig,
} from "#config/types.ts";
import type {
  CertificateSourceData,
  ClientCertificatesData,
  ListenerTlsData,
  TlsPolicyData,
  UpstreamTlsData,
} from "#model/tls.ts";
import { hashOf } from "./hash.ts";

/** The files around a configuration. */
export interface ConfigFiles {
  /** Where names of files begin. */
  readonly directory: string;
  /** Contents of PEM files by name as written. */
  readonly texts: ReadonlyMap<string, string>;
}

const LOCAL = "local";

/** Where the certificates of all listeners come from, each source once. */
export function certificateSources(config: Config, directory: string): CertificateSourceData[] {
  const sources = new Map<string, CertificateSourceData>();
  for (const [index, { tls }] of config.listen.entries()) {
    if (tls === null) continue;
    const place = `listen[${index}].tls`;
    if (tls.certificates.kind === "local") {
      const names = namesOfRoutes(config);
      if (!sources.has(LOCAL)) sources.set(LOCAL, { kind: "local", id: LOCAL, names, place });
      continue;
    }
    const { pairs } = tls.certificates;
    for (const [at, { cert, key }] of pairs.entries()) {
      const paths = { cert: resolve(directory, cert), key: resolve(directory, key) };
      const id = pairId(paths);
      if (sources.has(id)) continue;
      const where = pairs.length === 1 ? place : `${place}[${at}]`;
      sources.set(id, { kind: "files", id, ...paths, place: where });
    }
  }
  return [...sources.values()];
}

/** TLS of one listener; null if it has none. */
export function compileListenerTls(
  { tls }: ListenConfig,
  { directory, texts }: ConfigFiles,
): ListenerTlsData | null {
  if (tls === null) return null;
  const policies: TlsPolicyData[] = [];
  const indexOf = (rules: TlsNameConfig): number => {
    const clientCertificates =
      rules.clientCertificates === undefined ? tls.clientCertificates : rules.clientCertificates;
    const policy = policyOf(rules.preset ?? tls.preset, readClient(clientCertificates, texts));
    const known = policies.findIndex(({ id }) => id === policy.id);
    return known >= 0 ? known : policies.push(policy) - 1;
  };
  indexOf({});
  return {
    sources:
      tls.certificates.kind === "local"
        ? [LOCAL]
        : tls.certificates.pairs.map(({ cert, key }) =>
            pairId({ cert: resolve(directory, cert), key: resolve(directory, key) }),
          ),
    fallback: tls.default,
    policyNames: tls.names.map(([name, rules]) => [name, indexOf(rules)] as const),
    policies,
    passThrough: tls.passThrough,
    hsts: tls.hsts === "auto",
  };
}

/** TLS towards an upstream; null if none of its endpoints speaks it. */
export function compileUpstreamTls(
  { tls, endpoints }: UpstreamConfig,
  texts: ReadonlyMap<string, string>,
): UpstreamTlsData | null {
  if (!endpoints.some(({ secure }) => secure)) return null;
  return {
    verify: tls.verify,
    ca: tls.ca === null ? null : found(texts, tls.ca),
    serverName: tls.serverName,
    minVersion: tls.minVersion === "1.3" ? "TLSv1.3" : "TLSv1.2",
    certificate:
      tls.cert === null || tls.key === null
        ? null
        : { chain: found(texts, tls.cert), key: found(texts, tls.key) },
  };
}

/** The port that a redirect to https leads to: 443 if something speaks TLS there, else that of the first listener that does. */
export function redirectPort(config: Config): number {
  const ports = config.listen.flatMap(({ tls, address }) =>
    tls !== null && address.kind === "tcp" ? [address.port] : [],
  );
  return ports.includes(443) ? 443 : (ports[0] ?? 443);
}

function pairId(paths: { readonly cert: string; readonly key: string }): string {
  return hashOf(paths).slice(0, 16);
}

function policyOf(
  preset: TlsPolicyData["preset"],
  clientCertificates: ClientCertificatesData | null,
): TlsPolicyData {
  const content = { preset, clientCertificates };
  return { id: hashOf(content).slice(0, 32), ...content };
}

function readClient(
  config: ClientCertificatesConfig | null,
  texts: ReadonlyMap<string, string>,
): ClientCertificatesData | null {
  if (config === null) return null;
  const { mode, ca, crl } = config;
  return { mode, ca: found(texts, ca), crl: crl === null ? null : found(texts, crl) };
}

/** Exact hosts and those one label below, as certificates know them. */
function namesOfRoutes(config: Config): string[] {
  const names = new Set<string>();
  for (const { match } of config.routes) {
    for (const { hosts } of match) {
      for (const host of hosts) {
        if (host.kind === "exact") names.add(host.name.replace(/^\[|\]$/g, ""));
        else if (host.kind === "one-label") names.add(`*.${host.name}`);
      }
    }
  }
  return [...names].toSorted();
}

function found(texts: ReadonlyMap<string, string>, name: string): string {
  const text = texts.get(name);
  if (text === undefined) throw new Error(`the file ${name} was not read`);
  return text;
}
