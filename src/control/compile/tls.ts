/** TLS of a configuration as data of a snapshot. */

import { resolve } from "node:path";

import { isAddress, isLocalName, namesOfRoutes } from "#config/host-names.ts";
import type {
  CertificatesConfig,
  ClientCertificatesConfig,
  Config,
  ListenConfig,
  TlsNameConfig,
  UpstreamConfig,
} from "#config/types.ts";
import { ACME_SOURCE } from "#tls/acme/source.ts";
import type {
  AcmeChallengeType,
  AcmeData,
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
/** For the names of `auto` that no public authority certifies. */
const LOCAL_NAMES = "local-names";

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
    if (tls.certificates.kind === "auto") {
      const names = namesOfRoutes(config).filter(isLocalName);
      if (names.length === 0 || sources.has(LOCAL_NAMES)) continue;
      sources.set(LOCAL_NAMES, { kind: "local", id: LOCAL_NAMES, names, place });
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

/** What is to be obtained; null if no listener asks for it. */
export function compileAcme(config: Config, texts: ReadonlyMap<string, string>): AcmeData | null {
  const index = config.listen.findIndex(({ tls }) => tls?.certificates.kind === "auto");
  if (index < 0) return null;
  const { email, issuers, dns } = config.acme;
  const passed = new Set(
    config.listen.flatMap(({ tls }) => tls?.passThrough.map(([name]) => name) ?? []),
  );
  const wanted = namesOfRoutes(config).filter((name) => !isLocalName(name) && !isAddress(name));
  const challenges = config.acme.challenges ?? usualChallenges(config);
  // A wildcard that can be had covers what is one label below.
  const wild = new Set(
    challenges.includes("dns-01") ? wanted.filter((one) => one.startsWith("*.")) : [],
  );
  return {
    names: wanted.filter(
      (name) =>
        !passed.has(name) && (name.startsWith("*.") || !wild.has(name.replace(/^[^.]+/, "*"))),
    ),
    place: `listen[${index}].tls`,
    email,
    issuers: issuers.map((issuer) => ({
      ...issuer,
      ca: issuer.ca === null ? null : found(texts, issuer.ca),
    })),
    challenges,
    dns,
  };
}

/** Where nothing listens without TLS, nobody could answer http-01 but by luck. */
function usualChallenges({ acme, listen }: Config): readonly AcmeChallengeType[] {
  if (acme.dns !== null) return ["dns-01"];
  const plain = listen.some(({ tls, address }) => tls === null && address.kind === "tcp");
  return plain ? ["http-01", "tls-alpn-01"] : ["tls-alpn-01", "http-01"];
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
    sources: sourcesOf(tls.certificates, directory),
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

function sourcesOf(certificates: CertificatesConfig, directory: string): string[] {
  switch (certificates.kind) {
    case "local":
      return [LOCAL];
    case "auto":
      return [ACME_SOURCE, LOCAL_NAMES];
    case "files":
      return certificates.pairs.map(({ cert, key }) =>
        pairId({ cert: resolve(directory, cert), key: resolve(directory, key) }),
      );
  }
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

function found(texts: ReadonlyMap<string, string>, name: string): string {
  const text = texts.get(name);
  if (text === undefined) throw new Error(`the file ${name} was not read`);
  return text;
}
