/** What the options of filters refer to outside themselves: files, whose contents become part of them, and upstreams. */

import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import type { FilterSchemas } from "#sdk/config.ts";
import { suggest } from "#core/suggest.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { explainReadError } from "./references.ts";
import type { ConfigPath, SourceMap } from "./source-map.ts";
import type { Config, FilterUse, RouteConfig } from "./types.ts";

/** A configuration whose filters have what they refer to. */
export interface CompletedFilters {
  readonly config: Config;
  /** Absolute names of the files, readable or not. */
  readonly files: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Lists of addresses and of redirects have some megabytes. */
const MAX_BYTES = 64 * 1024 * 1024;

/** Reads the files that filters name, beginning at `directory`, and looks for the upstreams that they ask. */
export function completeFilters(
  config: Config,
  schemas: FilterSchemas,
  directory: string,
  sources: SourceMap,
): CompletedFilters {
  const completion = new Completion(config, schemas, directory, sources);
  const routes = config.routes.map((route, index) => completion.route(route, ["routes", index]));
  const { files, diagnostics } = completion;
  return { config: { ...config, routes }, files: [...files], diagnostics };
}

class Completion {
  readonly files: Set<string> = new Set();
  readonly diagnostics: Diagnostic[] = [];
  readonly #upstreams: readonly string[];
  readonly #schemas: FilterSchemas;
  readonly #directory: string;
  readonly #sources: SourceMap;

  constructor(config: Config, schemas: FilterSchemas, directory: string, sources: SourceMap) {
    this.#upstreams = config.upstreams.map(({ name }) => name);
    this.#schemas = schemas;
    this.#directory = directory;
    this.#sources = sources;
  }

  route(route: RouteConfig, path: ConfigPath): RouteConfig {
    return {
      ...route,
      use: route.use.map((step, index) => this.#step(step, [...path, "use", index])),
    };
  }

  #step(step: FilterUse, path: ConfigPath): FilterUse {
    if (step.kind === "inline") return step;
    const { name, options } = step;
    const schema = this.#schemas[name];
    const place = [...path, name];
    for (const upstream of schema?.upstreams?.(options) ?? []) this.#upstream(upstream, place);
    const texts = new Map<string, string>();
    for (const { name: file, path: below } of schema?.files?.(options) ?? []) {
      const text = this.#read(file, [...place, ...below]);
      if (text === null) return step;
      texts.set(file, text);
    }
    if (texts.size === 0 || schema?.withFiles === undefined) return step;
    const completed = schema.withFiles(options, texts);
    if (completed.ok) return { ...step, options: completed.value };
    this.#error(place, completed.message, completed.hint);
    return step;
  }

  #upstream(upstream: string, place: ConfigPath): void {
    if (this.#upstreams.includes(upstream)) return;
    const near = suggest(upstream, this.#upstreams);
    const hint =
      near === undefined
        ? `known upstreams: ${this.#upstreams.map((one) => `\`${one}\``).join(", ")}`
        : `did you mean \`${near}\`?`;
    this.#error(place, `there is no upstream \`${upstream}\``, hint);
  }

  #read(name: string, place: ConfigPath): string | null {
    const file = resolve(this.#directory, name);
    this.files.add(file);
    try {
      if (statSync(file).size <= MAX_BYTES) return readFileSync(file, "utf8");
      this.#error(place, `\`${file}\` is too large`, "at most 64MiB");
    } catch (error) {
      const { message, hint } = explainReadError(file, error);
      this.#error(place, message, hint);
    }
    return null;
  }

  #error(place: ConfigPath, message: string, hint?: string): void {
    this.diagnostics.push(this.#sources.diagnostic("error", place, message, hint ?? null));
  }
}
