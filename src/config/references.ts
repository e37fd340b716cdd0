/**
 * `${NAME}`, `${NAME:-default}` and `${file:path}` inside the strings of a configuration; `$${` is a literal `${`.
 */
import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { suggest } from "#core/suggest.ts";
import type { Parsed } from "#core/units.ts";
import type { ConfigPath } from "./source-map.ts";

/** The variables that references may name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The result of resolving all references of a configuration. */
export interface Resolved {
  /** A copy of the value with its references replaced; one that failed stands as it was. */
  readonly value: unknown;
  /** Strings that held a reference. */
  readonly replaced: readonly ConfigPath[];
  /** Strings whose reference failed. */
  readonly failed: readonly {
    readonly path: ConfigPath;
    readonly message: string;
    readonly hint: string;
  }[];
  /** Absolute names of the files that were named, readable or not. */
  readonly files: readonly string[];
}

/** Largest file that may stand in for a value; certificates and lists of tokens are far smaller. */
const MAX_FILE_BYTES = 1024 * 1024;
/** Deeper than any configuration; ends the walk through an object that holds itself. */
const MAX_DEPTH = 64;

const FORBIDDEN_KEY = { message: "`__proto__` cannot be a key", hint: "choose another name" };

/** Resolves every reference in `value`. `directory` is what names of files are relative to. */
export function resolveReferences(
  value: unknown,
  environment: Environment,
  directory: string,
): Resolved {
  const replaced: ConfigPath[] = [];
  const failed: { path: ConfigPath; message: string; hint: string }[] = [];
  const files = new Set<string>();

  const walk = (node: unknown, path: ConfigPath): unknown => {
    if (typeof node === "string") return node.includes("${") ? replace(node, path) : node;
    if (path.length > MAX_DEPTH) {
      failed.push({
        path,
        message: "the configuration is nested too deeply",
        hint: "does an object hold itself?",
      });
      return null;
    }
    if (Array.isArray(node)) return node.map((item, index) => walk(item, [...path, index]));
    // Only plain data is copied: filters made of functions or classes stay what they are.
    if (!isPlain(node)) return node;
    const entries: [string, unknown][] = [];
    for (const [key, item] of Object.entries(node)) {
      // Whoever copies the value with an assignment would set its prototype: refused for good, here.
      if (key === "__proto__") failed.push({ path: [...path, key], ...FORBIDDEN_KEY });
      else entries.push([key, walk(item, [...path, key])]);
    }
    return Object.fromEntries(entries);
  };

  const replace = (text: string, path: ConfigPath): string => {
    const result = expand(text, (reference) => lookUp(reference, environment, directory, files));
    if (result.ok) {
      replaced.push(path);
      return result.value;
    }
    failed.push({ path, message: result.message, hint: result.hint ?? "" });
    return text;
  };

  const copy = walk(value, []);
  return { value: copy, replaced, failed, files: [...files] };
}

/** Replaces the references of one string. */
function expand(text: string, find: (reference: string) => Parsed<string>): Parsed<string> {
  let result = "";
  let rest = text;
  for (;;) {
    const start = rest.indexOf("${");
    if (start < 0) return { ok: true, value: result + rest };
    if (rest[start - 1] === "$") {
      result += `${rest.slice(0, start - 1)}\${`;
      rest = rest.slice(start + 2);
      continue;
    }
    const end = rest.indexOf("}", start);
    if (end < 0) {
      return {
        ok: false,
        message: "`${` without its `}`",
        hint: "close it, or write `$${` for the characters themselves",
      };
    }
    const found = find(rest.slice(start + 2, end));
    if (!found.ok) return found;
    result += rest.slice(0, start) + found.value;
    rest = rest.slice(end + 1);
  }
}

function lookUp(
  reference: string,
  environment: Environment,
  directory: string,
  files: Set<string>,
): Parsed<string> {
  if (reference.startsWith("file:")) {
    const name = resolve(directory, reference.slice("file:".length));
    files.add(name);
    return readValue(name);
  }
  const [, name, fallback] = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s.exec(reference) ?? [];
  if (name === undefined) {
    return {
      ok: false,
      message: `\`\${${reference}}\` is not a reference`,
      hint: "write `${NAME}`, `${NAME:-default}` or `${file:path}`, or `$${` for the characters themselves",
    };
  }
  const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
  // As in a shell, `:-` also replaces an empty value.
  if (fallback !== undefined && (value === undefined || value === ""))
    return { ok: true, value: fallback };
  if (value !== undefined) return { ok: true, value };
  const near = suggest(name, Object.keys(environment));
  const question = near === undefined ? "" : `did you mean \`${near}\`? `;
  return {
    ok: false,
    message: `the environment variable \`${name}\` is not set`,
    hint: `${question}set it, or give a default: \`\${${name}:-value}\``,
  };
}

function readValue(name: string): Parsed<string> {
  try {
    const { size } = statSync(name);
    if (size > MAX_FILE_BYTES) {
      return { ok: false, message: `\`${name}\` is too large for a value`, hint: "at most 1MiB" };
    }
    return { ok: true, value: readFileSync(name, "utf8").replace(/\r?\n$/, "") };
  } catch (error) {
    return { ok: false, ...explainReadError(name, error) };
  }
}

/** Why a file could not be read, in words. */
export function explainReadError(name: string, error: unknown): { message: string; hint: string } {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
      return {
        message: `\`${name}\` does not exist`,
        hint: "relative names begin at the configuration's folder",
      };
    case "EACCES":
    case "EPERM":
      return {
        message: `\`${name}\` may not be read by this user`,
        hint: "change its permissions or its owner",
      };
    case "EISDIR":
      return { message: `\`${name}\` is a folder`, hint: "name a file in it" };
    default:
      return {
        message: `\`${name}\` cannot be read (${String(code ?? error)})`,
        hint: "is it a regular file?",
      };
  }
}

function isPlain(node: unknown): node is Record<string, unknown> {
  if (typeof node !== "object" || node === null) return false;
  const prototype: unknown = Object.getPrototypeOf(node);
  if (prototype !== Object.prototype && prototype !== null) return false;
  return !Object.values(node).some((item) => typeof item === "function");
}
