/**
 * What is valid and yet probably not meant, or not safe.
 */
import type { FilterSchemas } from "#sdk/config.ts";
import { CidrSet } from "#core/collections/cidr.ts";
import { isAddress, isLocalName, namesOfRoutes } from "./host-names.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { type ConfigPath, type SourceMap, valueAt } from "./source-map.ts";
import type { Config, RouteConfig } from "./types.ts";

type Warn = (path: ConfigPath, message: string, hint: string, part?: "key" | "value") => void;

/** Warnings about a configuration that has no errors; `raw` is what it was read from. */
export function safetyWarnings(
  config: Config,
  raw: unknown,
  filters: FilterSchemas,
  sources: SourceMap,
): Diagnostic[] {
  const warnings: Diagnostic[] = [];
  const warn: Warn = (path, message, hint, part = "value") => {
    warnings.push(sources.diagnostic("warning", path, message, hint, part));
  };
  for (const [index, block] of config.trustedProxies.entries()) {
    if (!block.text.endsWith("/0")) continue;
    warn(
      ["trustedProxies", index],
      `\`${block.text}\` trusts everybody: any client can pretend any address`,
      "name the addresses of the proxies in front of this one",
    );
  }
  if (
    config.admin !== null &&
    config.admin.address.kind === "tcp" &&
    !isLoopback(config.admin.address.host)
  ) {
    warn(
      ["admin"],
      `the admin listener \`${config.admin.text}\` can be reached from other machines, and asks for no password`,
      "write `127.0.0.1:9180`, or make sure that a firewall stands in front of it",
    );
  }
  for (const { path, text } of shortMatches(config, raw)) {
    const host = /^[\w-]+(?=\/)/.exec(text)?.[0];
    if (host === undefined || host.toLowerCase() === "localhost") continue;
    warn(
      path,
      `\`${host}\` is a host here, as nothing stands before it`,
      `did you mean \`/${text}\`?`,
    );
  }
  for (const [index, route] of config.routes.entries()) {
    const guard = route.pathPolicy === "lenient" ? guardOf(route, filters) : undefined;
    if (guard === undefined) continue;
    warn(
      ["routes", index, "pathPolicy"],
      `\`lenient\` beside \`${guard}\`: a path that the backend reads differently may get past it`,
      "write `strict`, which is the default",
    );
  }
  warnOfTls(config, raw, warn);
  warnOfRedirects(config, raw, warn);
  warnOfObtaining(config, warn);
  const used = new Set<string | null>(config.routes.map((route) => route.to));
  for (const { tls } of config.listen) {
    for (const [, upstream] of tls?.passThrough ?? []) used.add(upstream);
  }
  for (const step of config.routes.flatMap(({ use }) => use)) {
    if (step.kind === "inline") continue;
    for (const name of filters[step.name]?.upstreams?.(step.options) ?? []) used.add(name);
  }
  for (const { name } of config.upstreams) {
    if (used.has(name)) continue;
    warn(
      ["upstreams", name],
      `no route leads to the upstream \`${name}\``,
      `write \`to: ${name}\` in a route, or remove it`,
      "key",
    );
  }
  return warnings;
}

/** TLS to backends that does less than it seems. */
function warnOfTls(config: Config, raw: unknown, warn: Warn): void {
  for (const { name, tls, endpoints } of config.upstreams) {
    if (!tls.verify) {
      warn(
        ["upstreams", name, "tls", "verify"],
        `the backends of \`${name}\` are not verified: whoever is between can pretend to be one`,
        "name their issuer with `ca`, and their name with `serverName` where it is another",
      );
    }
    if (valueAt(raw, ["upstreams", name, "tls"]) === undefined) continue;
    if (endpoints.some(({ secure }) => secure)) continue;
    warn(
      ["upstreams", name, "tls"],
      `\`tls\` does nothing here: no endpoint of \`${name}\` begins with \`https://\``,
      "write the endpoints with `https://`, or remove it",
      "key",
    );
  }
}

/** A redirect to https that leads to nobody; behind a proxy that terminates TLS it leads there. */
function warnOfRedirects(config: Config, raw: unknown, warn: Warn): void {
  if (config.trustedProxies.length > 0 || config.listen.some(({ tls }) => tls !== null)) return;
  for (const [index, { redirect }] of config.listen.entries()) {
    if (redirect === null) continue;
    const isList = Array.isArray(valueAt(raw, ["listen"]));
    warn(
      ["listen", ...(isList ? [index] : []), "redirect"],
      "redirects to https, and no listener speaks TLS",
      "add one with `tls`; or name the proxy in front of this one that does in `trustedProxies`",
    );
  }
}

/** Names for which `tls: auto` can obtain nothing. */
function warnOfObtaining(config: Config, warn: Warn): void {
  const index = config.listen.findIndex(({ tls }) => tls?.certificates.kind === "auto");
  if (index < 0) return;
  const path = ["listen", index, "tls"];
  const names = namesOfRoutes(config);
  if (names.length === 0) {
    warn(
      path,
      "there is nothing to obtain a certificate for: no route names a host",
      "write the host before the path: `match: example.com/*`",
    );
  }
  for (const name of names) {
    if (name.startsWith("*.") && config.acme.dns === null) {
      warn(
        path,
        `\`${name}\` gets no certificate: one for all names below is made by \`dns-01\` alone`,
        "set `acme.dns`, or name the hosts one by one",
      );
    } else if (isAddress(name) && !isLocalName(name)) {
      warn(
        path,
        `\`${name}\` gets no certificate: they are obtained for names, not for addresses`,
        "route a name that leads to this address",
      );
    }
  }
}

/** The matches that are written in the short form. */
function shortMatches(config: Config, raw: unknown): { path: ConfigPath; text: string }[] {
  return config.routes.flatMap((_, index) => {
    const path = ["routes", index, "match"];
    const match = valueAt(raw, path);
    const all: readonly unknown[] = Array.isArray(match) ? match : [match];
    return all.flatMap((text, at) =>
      typeof text === "string" ? [{ path: Array.isArray(match) ? [...path, at] : path, text }] : [],
    );
  });
}

function guardOf(route: RouteConfig, filters: FilterSchemas): string | undefined {
  for (const step of route.use) {
    if (step.kind === "named" && filters[step.name]?.guards === true) return step.name;
  }
  return undefined;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || LOOPBACK.has(host);
}

const LOOPBACK = new CidrSet(["127.0.0.0/8", "::1"]);
