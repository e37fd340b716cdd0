/**
 * Where each part of a configuration was written.
 */
import type { Diagnostic } from "./diagnostic.ts";

/** A place inside the configuration, from the root: keys and list indexes. */
export type ConfigPath = readonly (string | number)[];

/** A place in a source. */
export interface SourcePosition {
  readonly file: string;
  /** 1-based; null where it is not known. */
  readonly line: number | null;
  /** 1-based, in UTF-16 units; null together with `line`. */
  readonly column: number | null;
  /** Length in UTF-16 units, at least 1. */
  readonly length: number;
}

/** Finds places of one source: a YAML tree, the command line, or nothing but a file name. */
export interface SourceIndex {
  /** The name of the source, for people. */
  readonly file: string;
  /** Its text, for excerpts. */
  readonly text: string | undefined;
  /** The place of exactly this key or value, or undefined if the source does not hold it. */
  find(path: ConfigPath, part: "key" | "value"): SourcePosition | undefined;
  /** What stands there in the user's own words, where that is not the path: `--to`. */
  label?(path: ConfigPath): string | undefined;
}

/** Answers "where was this written" for every path of a configuration. */
export class SourceMap {
  readonly #index: SourceIndex;

  constructor(index: SourceIndex) {
    this.#index = index;
  }

  /** The name of the file, or `command line`. */
  get file(): string {
    return this.#index.file;
  }

  /** The text of `file` when it was read here. */
  text(file: string): string | undefined {
    return file === this.#index.file ? this.#index.text : undefined;
  }

  /**
   * Place of the value (or of its key) at `path`, which is a list or written as `routes[3].match.host`. What the
   * configuration does not hold (a default) has the place of the nearest part around it that it does.
   */
  at(path: ConfigPath | string, part: "key" | "value" = "value"): SourcePosition {
    const keys = typeof path === "string" ? parsePath(path) : path;
    const exact = this.#index.find(keys, part);
    if (exact !== undefined) return exact;
    for (let length = keys.length - 1; length >= 0; length--) {
      // The key of what surrounds it: a whole block is too much to point at.
      const around = keys.slice(0, length);
      const found = this.#index.find(around, "key") ?? this.#index.find(around, "value");
      if (found !== undefined) return found;
    }
    return { file: this.#index.file, line: null, column: null, length: 1 };
  }

  /** A diagnostic at `path`. */
  diagnostic(
    severity: Diagnostic["severity"],
    path: ConfigPath | string,
    message: string,
    hint?: string | null,
    part: "key" | "value" = "value",
  ): Diagnostic {
    const keys = typeof path === "string" ? parsePath(path) : path;
    const position = this.at(keys, part);
    const label = this.#index.label?.(keys) ?? formatPath(keys);
    return { severity, ...position, path: label, message, hint: hint ?? null };
  }
}

/** A source of which only the name is known: a TypeScript module, an object passed to the library. */
export function unlocated(file: string, text?: string): SourceIndex {
  return { file, text, find: () => undefined };
}

/** `["routes", 3, "match"]` as `routes[3].match`. Keys that are no plain words stand as `["a.b"]`. */
export function formatPath(path: ConfigPath): string {
  let text = "";
  for (const key of path) {
    if (typeof key === "number") text += `[${key}]`;
    else if (/^[A-Za-z_$][\w$-]*$/.test(key)) text += text === "" ? key : `.${key}`;
    else text += `[${JSON.stringify(key)}]`;
  }
  return text;
}

/** The reverse of `formatPath`. */
export function parsePath(text: string): (string | number)[] {
  const path: (string | number)[] = [];
  for (const [, index, quoted, key] of text.matchAll(
    /\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|([^.[\]]+)/g,
  )) {
    if (index !== undefined) path.push(Number(index));
    else if (quoted !== undefined) path.push(String(JSON.parse(quoted)));
    else if (key !== undefined) path.push(key);
  }
  return path;
}

/** The value at `path` of a raw configuration, or undefined. */
export function valueAt(raw: unknown, path: ConfigPath): unknown {
  let value = raw;
  for (const key of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Readonly<Record<string | number, unknown>>)[key];
  }
  return value;
}

/** The items of a list with their places; what is no list is its only item. */
export function itemsOf(value: unknown, path: ConfigPath): { item: unknown; path: ConfigPath }[] {
  if (!Array.isArray(value)) return [{ item: value, path }];
  return value.map((item: unknown, index) => ({ item, path: [...path, index] }));
}

/** Is it something with keys? */
export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
