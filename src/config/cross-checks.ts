/**
 * What no single key can be blamed for: names that lead nowhere, things that stand twice. Works on the raw value and
 * overlooks whatever the schema complains about, so that all mistakes come out at once.
 */
import { suggest } from "#core/suggest.ts";
import type { FilterSchemas } from "#sdk/config.ts";
import { parseEndpoint, parseListenAddress } from "./address.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { parseServerName } from "./schema/tls.ts";
import { type ConfigPath, type SourceMap, formatPath, isMapping, itemsOf } from "./source-map.ts";

/** Checks a raw configuration, references resolved. */
export function crossCheck(raw: unknown, filters: FilterSchemas, sources: SourceMap): Diagnostic[] {
  if (!isMapping(raw)) return [];
  const checks = new CrossChecks(filters, sources);
  checks.addresses(raw);
  checks.endpoints(raw["upstreams"]);
  checks.routes(raw["routes"], raw["upstreams"]);
  checks.passThrough(raw["listen"], raw["upstreams"]);
  checks.serverNames(raw["listen"]);
  return checks.diagnostics;
}

type Mapping = Readonly<Record<string, unknown>>;

class CrossChecks {
  readonly diagnostics: Diagnostic[] = [];
  readonly #filters: FilterSchemas;
  readonly #sources: SourceMap;

  constructor(filters: FilterSchemas, sources: SourceMap) {
    this.#filters = filters;
    this.#sources = sources;
  }

  /** Listeners and the admin listener: no address twice. */
  addresses(raw: Mapping): void {
    const seen = new Map<string, ConfigPath>();
    for (const { item, path } of itemsOf(raw["listen"], ["listen"])) {
      const written = isMapping(item) ? item["address"] : item;
      this.#listenOnce(written, isMapping(item) ? [...path, "address"] : path, seen);
    }
    if (raw["admin"] !== "off") this.#listenOnce(raw["admin"], ["admin"], seen);
  }

  #listenOnce(written: unknown, path: ConfigPath, seen: Map<string, ConfigPath>): void {
    if (typeof written !== "string" && typeof written !== "number") return;
    const parsed = parseListenAddress(String(written));
    if (!parsed.ok) return;
    // Port 0 is "any free port": each is another one.
    if (parsed.value.address.kind === "tcp" && parsed.value.address.port === 0) return;
    this.#once(seen, parsed.value.text, path, `the address \`${parsed.value.text}\``);
  }

  /** Endpoints: no address twice in one upstream. */
  endpoints(upstreams: unknown): void {
    if (!isMapping(upstreams)) return;
    for (const [name, upstream] of Object.entries(upstreams)) {
      if (!isMapping(upstream)) continue;
      const seen = new Map<string, ConfigPath>();
      for (const { item, path } of itemsOf(upstream["endpoints"], [
        "upstreams",
        name,
        "endpoints",
      ])) {
        const written = isMapping(item) ? item["url"] : item;
        if (typeof written !== "string" && typeof written !== "number") continue;
        const parsed = parseEndpoint(String(written));
        if (!parsed.ok) continue;
        const place = isMapping(item) ? [...path, "url"] : path;
        this.#once(
          seen,
          parsed.value.url,
          place,
          `the endpoint \`${parsed.value.url}\``,
          "give it a larger `weight` instead",
        );
      }
    }
  }

  /** Routes lead to upstreams that exist. */
  routes(routes: unknown, upstreams: unknown): void {
    const names = isMapping(upstreams) ? Object.keys(upstreams) : [];
    if (routes === undefined || (Array.isArray(routes) && routes.length === 0)) {
      this.#noRoutes(routes, names);
      return;
    }
    if (!Array.isArray(routes)) return;
    const routeNames = new Map<string, ConfigPath>();
    for (const [index, route] of routes.entries()) {
      if (!isMapping(route)) continue;
      const path: ConfigPath = ["routes", index];
      if (typeof route["to"] === "string") this.#destination(route["to"], names, [...path, "to"]);
      else if (route["to"] === undefined) this.#answered(route, names, path);
      this.#oneCache(route["use"], [...path, "use"]);
      if (typeof route["name"] === "string") {
        this.#once(
          routeNames,
          route["name"],
          [...path, "name"],
          `the route name \`${route["name"]}\``,
        );
      }
    }
  }

  /** A route has one cache: it has its place behind all filters, wherever it is written. */
  #oneCache(use: unknown, path: ConfigPath): void {
    const seen = new Map<string, ConfigPath>();
    for (const { item, path: place } of itemsOf(use, path)) {
      if (isMapping(item) && "cache" in item) this.#once(seen, "", [...place, "cache"], "`cache`");
    }
  }

  /** Connections that are passed on lead to upstreams that exist. */
  passThrough(listen: unknown, upstreams: unknown): void {
    const names = isMapping(upstreams) ? Object.keys(upstreams) : [];
    for (const { item, path } of itemsOf(listen, ["listen"])) {
      const tls = isMapping(item) ? item["tls"] : undefined;
      const passed = isMapping(tls) ? tls["passThrough"] : undefined;
      if (!isMapping(passed)) continue;
      for (const [name, to] of Object.entries(passed)) {
        const place = [...path, "tls", "passThrough", name];
        if (typeof to === "string") this.#destination(to, names, place);
      }
    }
  }

  /** No name has rules twice, in whatever spelling: one of them would have no effect. */
  serverNames(listen: unknown): void {
    for (const { item, path } of itemsOf(listen, ["listen"])) {
      const tls = isMapping(item) ? item["tls"] : undefined;
      if (!isMapping(tls)) continue;
      const seen = new Map<string, ConfigPath>();
      for (const key of ["names", "passThrough"]) {
        const rules = tls[key];
        if (!isMapping(rules)) continue;
        for (const written of Object.keys(rules)) {
          const parsed = parseServerName(written);
          if (!parsed.ok) continue;
          const { value } = parsed;
          this.#once(seen, value, [...path, "tls", key, written], `the name \`${value}\``);
        }
      }
    }
  }

  #noRoutes(routes: unknown, names: readonly string[]): void {
    if (names.length === 1 && routes === undefined) return;
    const [message, hint] =
      names.length === 0
        ? [
            "nothing would be proxied: there are no upstreams and no routes",
            "the shortest configuration is `upstreams: { app: http://localhost:3000 }`",
          ]
        : [
            "nothing would be proxied: there are no routes",
            `for example \`routes: [{ match: /*, to: ${names[0]} }]\``,
          ];
    this.diagnostics.push(this.#sources.diagnostic("error", ["routes"], message, hint, "key"));
  }

  #destination(to: string, names: readonly string[], path: ConfigPath): void {
    if (names.includes(to)) return;
    const near = suggest(to, names);
    let hint = `known upstreams: ${names.map((name) => `\`${name}\``).join(", ")}`;
    if (near !== undefined) hint = `did you mean \`${near}\`?`;
    else if (/[:/]/.test(to))
      hint = `addresses stand under \`upstreams\`: \`upstreams: { app: ${to} }\`, then \`to: app\``;
    else if (names.length === 0) hint = `add it: \`upstreams: { ${to}: http://localhost:3000 }\``;
    this.diagnostics.push(
      this.#sources.diagnostic("error", path, `there is no upstream \`${to}\``, hint),
    );
  }

  #answered(route: Mapping, names: readonly string[], path: ConfigPath): void {
    // A misspelt `to` has been reported as an unknown key.
    if (Object.keys(route).some((key) => suggest(key, ["to"]) !== undefined)) return;
    const use = route["use"];
    const steps: readonly unknown[] = Array.isArray(use) ? use : [];
    const answers = steps.some(
      (step) =>
        // What an inline filter does is known only when it runs, and an unknown one was reported: either may answer.
        !isMapping(step) ||
        Object.keys(step).some(
          (key) => !Object.hasOwn(this.#filters, key) || this.#filters[key]?.answers === true,
        ),
    );
    if (answers) return;
    const answering = Object.entries(this.#filters)
      .filter(([, filter]) => filter.answers === true)
      .map(([key]) => `\`${key}\``);
    const to =
      names.length === 0 ? "add an upstream and `to:` with its name" : `add \`to: ${names[0]}\``;
    const alternative =
      answering.length === 0 ? "" : `, or a filter that answers (${answering.join(", ")})`;
    this.diagnostics.push(
      this.#sources.diagnostic(
        "error",
        path,
        "the route leads nowhere: it has no `to`",
        to + alternative,
        "key",
      ),
    );
  }

  #once(
    seen: Map<string, ConfigPath>,
    key: string,
    path: ConfigPath,
    what: string,
    hint?: string,
  ): void {
    const first = seen.get(key);
    if (first === undefined) {
      seen.set(key, path);
      return;
    }
    const { line } = this.#sources.at(first);
    const place = line === null ? `at \`${formatPath(first)}\`` : `on line ${line}`;
    this.diagnostics.push(
      this.#sources.diagnostic(
        "error",
        path,
        `${what} stands twice, first ${place}`,
        hint ?? "remove one of the two, or change it",
      ),
    );
  }
}
