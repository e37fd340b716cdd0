/**
 * From a file to a raw value with the places of its parts.
 */
import { readFile, readdir, stat } from "node:fs/promises";
import { basename, dirname, extname, join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { suggest } from "#core/suggest.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { type ModuleAliases, importConfig } from "./module.ts";
import { type Environment, explainReadError } from "./references.ts";
import { type SourceIndex, unlocated } from "./source-map.ts";

/** Names that are looked for, in this order, when no file is named. */
export const DEFAULT_FILES: readonly string[] = [
  "sluice.yaml",
  "sluice.yml",
  "sluice.config.ts",
  "sluice.config.mts",
  "sluice.config.mjs",
  "sluice.config.js",
  "sluice.json",
];

const MODULES = new Set([".ts", ".mts", ".js", ".mjs"]);
const TEXTS = new Set([".yaml", ".yml", ".json"]);
/** Far more than people write; a file beyond it was named by mistake. */
const MAX_BYTES = 16 * 1024 * 1024;

/** What reading needs to know of the process. */
export interface ReadOptions {
  /** Folder that relative names begin at, and that is searched. */
  readonly directory: string;
  readonly environment: Environment;
  /** For configurations that are modules. */
  readonly aliases: ModuleAliases;
  /** Counts the reads of one process, so that modules are read anew. */
  readonly generation: number;
}

/** A configuration as it was written. */
export interface RawConfig {
  /** Undefined when `broken`. */
  readonly value: unknown;
  readonly index: SourceIndex;
  readonly diagnostics: readonly Diagnostic[];
  /** The source could not be understood: nothing more can be said about it. */
  readonly broken: boolean;
  /** Absolute names of the files that it consists of. */
  readonly files: readonly string[];
  /** Where the names in it are relative to. */
  readonly directory: string;
  /** The `file:` URL of a module; null for data. */
  readonly module: string | null;
}

/** The file that a folder's configuration is in, or undefined. */
export async function findConfig(directory: string): Promise<string | undefined> {
  const present = new Set(await readdir(directory).catch(() => []));
  const name = DEFAULT_FILES.find((candidate) => present.has(candidate));
  return name === undefined ? undefined : join(directory, name);
}

/** Reads the named file, or the first of `DEFAULT_FILES` in the folder. Never rejects: failures are diagnostics. */
export async function readConfig(
  file: string | undefined,
  options: ReadOptions,
): Promise<RawConfig> {
  if (file === undefined) {
    const found = await findConfig(options.directory);
    if (found !== undefined) return readConfig(found, options);
    return failed(options.directory, [], options.directory, {
      message: "there is no configuration in this folder",
      hint: `write one with \`sluice init\` (${DEFAULT_FILES[0]}), name one with \`-c FILE\`, or go without: \`sluice --to http://localhost:3000\``,
    });
  }
  const path = resolve(options.directory, file);
  const shown = displayName(path, options.directory);
  const extension = extname(path).toLowerCase();
  if (!MODULES.has(extension) && !TEXTS.has(extension)) {
    if ((await stat(path).catch(() => null))?.isDirectory() === true) {
      return failed(shown, [path], dirname(path), {
        message: `\`${shown}\` is a folder`,
        hint: "name a file in it",
      });
    }
    const ending = extension === "" ? "has an ending" : `does not end in \`${extension}\``;
    return failed(shown, [path], dirname(path), {
      message: `a configuration ${ending}`,
      hint: `known: ${[...TEXTS, ...MODULES].map((known) => `\`${known}\``).join(", ")}`,
    });
  }
  let text: string;
  try {
    const bytes = await readFile(path);
    if (bytes.length > MAX_BYTES) {
      return failed(shown, [path], dirname(path), {
        message: "the file is too large",
        hint: "at most 16MiB",
      });
    }
    text = bytes.toString("utf8").replace(/^\u{feff}/u, "");
  } catch (error) {
    const near = suggest(basename(path), await readdir(dirname(path)).catch(() => []));
    const { message, hint } = explainReadError(shown, error);
    const missing = errorCode(error) === "ENOENT";
    let better = missing ? "`sluice init` writes one to begin with" : hint;
    if (missing && near !== undefined && near !== basename(path)) {
      better = `did you mean \`${near}\`?`;
    }
    return failed(shown, [path], dirname(path), { message, hint: better });
  }
  // Comments alone are as good as nothing.
  if (TEXTS.has(extension) && /^(?:\s|#.*)*$/.test(text)) {
    return failed(shown, [path], dirname(path), {
      message: "the file is empty",
      hint: "write `upstreams: { app: http://localhost:3000 }` into it, or remove it and let `sluice init` write one",
    });
  }
  if (MODULES.has(extension)) return readModule(path, shown, text, options);
  // With it comes a large package, which the short form of the command line does without.
  const { parseYaml } = await import("./yaml-source.ts");
  const { index, value, diagnostics, broken } = parseYaml(text, shown);
  return {
    value,
    index,
    diagnostics,
    broken,
    files: [path],
    directory: dirname(path),
    module: null,
  };
}

/** The name of a file as people see it: relative to the folder they are in, if it lies below it. */
export function displayName(path: string, directory: string): string {
  const name = relative(directory, path);
  // Seen from the root everything lies below, and is clearer with its slash.
  const outside = name === "" || name.startsWith("..") || dirname(directory) === directory;
  return outside ? path : name;
}

async function readModule(
  path: string,
  shown: string,
  text: string,
  options: ReadOptions,
): Promise<RawConfig> {
  const directory = dirname(path);
  const seen = new Set([path]);
  try {
    const { value, files } = await importConfig(path, {
      ...options,
      seen: (name) => seen.add(name),
    });
    if (value === undefined) {
      return failed(shown, files, directory, {
        message: "the module has no default export",
        hint: "write `export default defineConfig({ … })`",
      });
    }
    return {
      value,
      index: unlocated(shown, text),
      diagnostics: [],
      broken: false,
      files,
      directory,
      module: pathToFileURL(path).href,
    };
  } catch (error) {
    const place = placeOfError(error, directory);
    const file = place === undefined ? shown : displayName(place.file, options.directory);
    const source =
      place === undefined || place.file === path
        ? text
        : await readFile(place.file, "utf8").catch(() => undefined);
    const diagnostic: Diagnostic = {
      severity: "error",
      file,
      line: place?.line ?? null,
      column: place?.column ?? null,
      length: 1,
      path: "",
      message: `the module failed: ${firstLine(error)}`,
      hint: "fix the program; nothing of the configuration was read",
    };
    return {
      value: undefined,
      index: unlocated(file, source),
      diagnostics: [diagnostic],
      broken: true,
      files: [...seen],
      directory,
      module: null,
    };
  }
}

/** The first place in an error's stack that lies in the configuration's folder. */
function placeOfError(
  error: unknown,
  directory: string,
): { file: string; line: number; column: number } | undefined {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const folder = `${pathToFileURL(directory).href}/`;
  // A frame is `file:///x.ts?g=1:3:7`; a syntax error begins with the place, without a column or as a plain path.
  for (const [, name = "", line, column] of stack.matchAll(
    /((?:file:\/\/)?\/[^\s()?]+?)(?:\?g=\d+)?:(\d+)(?::(\d+))?(?![\d:])/g,
  )) {
    const href = name.startsWith("file:") ? name : pathToFileURL(name).href;
    if (!href.startsWith(folder) || href.includes("/node_modules/")) continue;
    const path = decodeURIComponent(new URL(href).pathname);
    return { file: path, line: Number(line), column: Number(column ?? 1) };
  }
  return undefined;
}

function errorCode(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function firstLine(error: unknown): string {
  if (!(error instanceof Error)) return String(error).split("\n", 1)[0] ?? "";
  const text = error.message.split("\n").find((line) => line.trim() !== "") ?? error.name;
  return text.trim().replace(/\.$/, "");
}

function failed(
  shown: string,
  files: readonly string[],
  directory: string,
  words: { readonly message: string; readonly hint: string },
): RawConfig {
  const index = unlocated(shown);
  const diagnostic: Diagnostic = {
    severity: "error",
    file: shown,
    line: null,
    column: null,
    length: 1,
    path: "",
    ...words,
  };
  return {
    value: undefined,
    index,
    diagnostics: [diagnostic],
    broken: true,
    files,
    directory,
    module: null,
  };
}
