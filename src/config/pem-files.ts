/**
 * The PEM files that a configuration names for what is checked against them: issuers, revocation lists, and what is shown
 * to backends. They become part of the snapshot, as workers read no files. The certificates of listeners are not among
 * them: they are renewed while the configuration stays as it is.
 */
import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import type { Diagnostic } from "./diagnostic.ts";
import { explainReadError } from "./references.ts";
import { type ConfigPath, type SourceMap, itemsOf, isMapping } from "./source-map.ts";

/** What was found. */
export interface PemFiles {
  /** Contents by name as written. */
  readonly texts: ReadonlyMap<string, string>;
  /** Absolute names, readable or not. */
  readonly files: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Bundles of issuers have some hundred kilobytes; revocation lists may have megabytes. */
const MAX_BYTES = 16 * 1024 * 1024;

type Kind = "certificate" | "revocation list" | "private key";

const BLOCKS: Readonly<Record<Kind, RegExp>> = {
  certificate: /^-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/m,
  "revocation list": /^-----BEGIN X509 CRL-----/m,
  "private key": /^-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/m,
};

/** Reads those that `raw`, a configuration with its references resolved, names. */
export function readPemFiles(raw: unknown, directory: string, sources: SourceMap): PemFiles {
  const texts = new Map<string, string>();
  const files = new Set<string>();
  const diagnostics: Diagnostic[] = [];
  for (const { name, kind, path } of named(raw)) {
    const file = resolve(directory, name);
    files.add(file);
    const result = readPem(file, kind);
    if (typeof result === "string") texts.set(name, result);
    else diagnostics.push(sources.diagnostic("error", path, result.message, result.hint));
  }
  return { texts, files: [...files], diagnostics };
}

function readPem(file: string, kind: Kind): string | { message: string; hint: string } {
  try {
    if (statSync(file).size > MAX_BYTES) {
      return { message: `\`${file}\` is too large for PEM`, hint: "at most 16MiB" };
    }
    const text = readFileSync(file, "utf8").replaceAll("\r\n", "\n");
    if (BLOCKS[kind].test(text)) return text;
    return {
      message: `\`${file}\` holds no ${kind} in PEM`,
      hint: `it should have a line \`-----BEGIN ${kind === "revocation list" ? "X509 CRL" : kind.toUpperCase()}-----\`; \`openssl\` converts from DER`,
    };
  } catch (error) {
    return explainReadError(file, error);
  }
}

interface Named {
  readonly name: string;
  readonly kind: Kind;
  readonly path: ConfigPath;
}

function* named(raw: unknown): Generator<Named> {
  if (!isMapping(raw)) return;
  for (const { item, path } of itemsOf(raw["listen"], ["listen"])) {
    const tls = isMapping(item) ? item["tls"] : undefined;
    if (!isMapping(tls)) continue;
    const at = [...path, "tls"];
    yield* clientCertificates(tls["clientCertificates"], [...at, "clientCertificates"]);
    if (!isMapping(tls["names"])) continue;
    for (const [name, rules] of Object.entries(tls["names"])) {
      if (!isMapping(rules)) continue;
      const place = [...at, "names", name, "clientCertificates"];
      yield* clientCertificates(rules["clientCertificates"], place);
    }
  }
  const acme = isMapping(raw["acme"]) ? raw["acme"] : {};
  for (const { item, path } of itemsOf(acme["issuer"], ["acme", "issuer"])) {
    if (isMapping(item)) yield* fileAt(item, "ca", "certificate", path);
  }
  if (!isMapping(raw["upstreams"])) return;
  for (const [name, upstream] of Object.entries(raw["upstreams"])) {
    const tls = isMapping(upstream) ? upstream["tls"] : undefined;
    if (!isMapping(tls)) continue;
    const at = ["upstreams", name, "tls"];
    yield* fileAt(tls, "ca", "certificate", at);
    yield* fileAt(tls, "cert", "certificate", at);
    yield* fileAt(tls, "key", "private key", at);
  }
}

function* clientCertificates(value: unknown, path: ConfigPath): Generator<Named> {
  if (!isMapping(value)) return;
  yield* fileAt(value, "ca", "certificate", path);
  yield* fileAt(value, "crl", "revocation list", path);
}

function* fileAt(
  mapping: Readonly<Record<string, unknown>>,
  key: string,
  kind: Kind,
  path: ConfigPath,
): Generator<Named> {
  const name = mapping[key];
  if (typeof name === "string" && name !== "") yield { name, kind, path: [...path, key] };
}
