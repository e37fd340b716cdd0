/**
 * From what a user wrote to a checked configuration, or to everything that is wrong with it.
 */
import type { FilterSchemas } from "#sdk/config.ts";
import { fromArguments, type ShortForm } from "./arguments.ts";
import { crossCheck } from "./cross-checks.ts";
import { type Diagnostic, sortDiagnostics } from "./diagnostic.ts";
import { completeFilters } from "./filter-options.ts";
import { describeIssue, toFindings } from "./issues.ts";
import { type RawConfig, type ReadOptions, readConfig } from "./read.ts";
import { resolveReferences } from "./references.ts";
import { createSchema, laterKeys } from "./schema/config.ts";
import { readPemFiles } from "./pem-files.ts";
import {
  type ConfigPath,
  SourceMap,
  formatPath,
  isMapping,
  unlocated,
  valueAt,
} from "./source-map.ts";
import type { Config } from "./types.ts";
import { safetyWarnings } from "./warnings.ts";

/** Where a configuration comes from. */
export type ConfigOrigin =
  /** `path` undefined: the first of the default names in the folder. */
  | { readonly kind: "file"; readonly path?: string | undefined }
  /** The command line's short form. */
  | { readonly kind: "arguments"; readonly form: ShortForm }
  /** An object that a program passes; `name` stands for it in diagnostics. */
  | { readonly kind: "object"; readonly value: unknown; readonly name?: string };

/** What loading needs. */
export interface LoadOptions extends ReadOptions {
  readonly origin: ConfigOrigin;
  /** The filters that there are. */
  readonly filters: FilterSchemas;
}

/** The outcome of loading. */
export type LoadResult =
  | {
      readonly ok: true;
      readonly config: Config;
      /** Where each part was written. */
      readonly sources: SourceMap;
      /** Absolute names of the files to watch: the configuration, modules it imports, files it refers to. */
      readonly files: readonly string[];
      readonly warnings: readonly Diagnostic[];
      /** The `file:` URL of a configuration that is a module: where workers find inline filters. Else null. */
      readonly module: string | null;
      /** Absolute name of the folder that names of files begin at. */
      readonly directory: string;
      /** Contents of the PEM files of issuers, revocation lists and the like, by name as written. */
      readonly texts: ReadonlyMap<string, string>;
    }
  | {
      readonly ok: false;
      /** Errors and warnings, sorted by place; at least one error. */
      readonly diagnostics: readonly Diagnostic[];
      /** For the excerpts of diagnostics. */
      readonly sources: SourceMap;
      /** Also of a configuration that failed: a change to them may repair it. */
      readonly files: readonly string[];
    };

/** Reads, checks and completes a configuration. Never rejects for what users can get wrong. */
export async function loadConfig(options: LoadOptions): Promise<LoadResult> {
  const source = await readOrigin(options);
  const sources = new SourceMap(source.index);
  if (source.broken) {
    return {
      ok: false,
      diagnostics: sortDiagnostics(source.diagnostics),
      sources,
      files: source.files,
    };
  }
  const diagnostics = [...source.diagnostics];
  // Arguments were expanded by the shell, if at all.
  const literal = options.origin.kind === "arguments";
  const references = resolveReferences(
    literal ? null : source.value,
    options.environment,
    source.directory,
  );
  for (const { path, message, hint } of references.failed) {
    diagnostics.push(sources.diagnostic("error", path, message, hint));
  }
  const raw = impliedRedirect(
    impliedRoute(withoutEditorHint(literal ? source.value : references.value)),
  );
  const pem = readPemFiles(raw, source.directory, sources);
  diagnostics.push(...pem.diagnostics);
  let files = [...source.files, ...references.files, ...pem.files];
  const inlineFilters = source.module !== null || options.origin.kind === "object";
  const { config: checked, findings } = validate(
    raw,
    createSchema(options.filters, { inlineFilters }),
    references.replaced,
  );
  for (const finding of findings) {
    // What a failed reference stands for is not known, so nothing can be said against it.
    if (references.failed.some(({ path }) => startsWith(finding.path, path))) continue;
    const conceal = concealer(finding.path, references.replaced, source.value, raw);
    const hint = finding.hint === null ? null : conceal(finding.hint);
    diagnostics.push(
      sources.diagnostic("error", finding.path, conceal(finding.message), hint, finding.part),
    );
  }
  diagnostics.push(...crossCheck(raw, options.filters, sources));
  let config = checked;
  if (config !== undefined) {
    const completed = completeFilters(config, options.filters, source.directory, sources);
    diagnostics.push(...completed.diagnostics);
    files = [...files, ...completed.files];
    config = completed.config;
  }
  if (config !== undefined && !diagnostics.some((one) => one.severity === "error")) {
    const warnings = sortDiagnostics([
      ...diagnostics,
      ...safetyWarnings(config, raw, options.filters, sources),
    ]);
    return {
      ok: true,
      config,
      sources,
      files,
      warnings,
      module: source.module,
      directory: source.directory,
      texts: pem.texts,
    };
  }
  return { ok: false, diagnostics: sortDiagnostics(diagnostics), sources, files };
}

async function readOrigin(options: LoadOptions): Promise<RawConfig> {
  const { origin } = options;
  if (origin.kind === "file") return readConfig(origin.path, options);
  const data = {
    diagnostics: [],
    broken: false,
    files: [],
    directory: options.directory,
    module: null,
  };
  if (origin.kind === "arguments") return { ...data, ...fromArguments(origin.form) };
  return { ...data, value: origin.value, index: unlocated(origin.name ?? "configuration") };
}

type Schema = ReturnType<typeof createSchema>;

/** Checks against the schema; a text that a reference put where a number belongs is read as that number. */
function validate(
  raw: unknown,
  schema: Schema,
  replaced: readonly ConfigPath[],
): { config?: Config; findings: ReturnType<typeof toFindings> } {
  const parse = (value: unknown): ReturnType<Schema["safeParse"]> =>
    schema.safeParse(value, { error: describeIssue, reportInput: true });
  const first = parse(raw);
  if (first.success) return { config: first.data, findings: [] };
  const findings = toFindings(first.error.issues, laterKeys);
  const coerced = replaced
    .filter((path) => findings.some((finding) => formatPath(finding.path) === formatPath(path)))
    .reduce((value, path) => coerceAt(value, path), raw);
  if (coerced === raw) return { findings };
  const second = parse(coerced);
  if (second.success) return { config: second.data, findings: [] };
  return { findings: toFindings(second.error.issues, laterKeys) };
}

/** A copy of `value` in which the text at `path` is a number or a truth value, if it reads as one. */
function coerceAt(value: unknown, path: ConfigPath): unknown {
  const text = valueAt(value, path);
  if (typeof text !== "string") return value;
  let coerced: unknown;
  if (/^-?\d+(?:\.\d+)?$/.test(text)) coerced = Number(text);
  else if (text === "true" || text === "false") coerced = text === "true";
  else return value;
  return replaceAt(value, path, coerced);
}

function replaceAt(value: unknown, path: ConfigPath, by: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return by;
  if (Array.isArray(value)) {
    return value.map((item: unknown, index) => (index === key ? replaceAt(item, rest, by) : item));
  }
  const mapping = value as Readonly<Record<string, unknown>>;
  return { ...mapping, [key]: replaceAt(mapping[key], rest, by) };
}

/** A JSON file names its schema for editors by `$schema`, since it cannot have a comment. */
function withoutEditorHint(raw: unknown): unknown {
  if (typeof raw !== "object" || raw === null || !("$schema" in raw)) return raw;
  const { $schema, ...rest } = raw;
  return typeof $schema === "string" ? rest : raw;
}

/** One upstream and not a word about routes: everything goes there. */
function impliedRoute(raw: unknown): unknown {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw) || "routes" in raw) return raw;
  const upstreams = "upstreams" in raw ? raw.upstreams : undefined;
  if (typeof upstreams !== "object" || upstreams === null || Array.isArray(upstreams)) return raw;
  const [name, ...others] = Object.keys(upstreams);
  return name === undefined || others.length > 0
    ? raw
    : { ...raw, routes: [{ match: "/*", to: name }] };
}

/** Where certificates come by themselves, browsers find their way by themselves: port 80 leads to port 443. */
function impliedRedirect(raw: unknown): unknown {
  if (!isMapping(raw) || raw["listen"] === undefined) return raw;
  const written: readonly unknown[] = Array.isArray(raw["listen"])
    ? raw["listen"]
    : [raw["listen"]];
  const addresses = written.map((item) => String(isMapping(item) ? item["address"] : item));
  const secure = written.findIndex((item, index) => {
    if (!isMapping(item) || !/(?:^|:)443$/.test(addresses[index]!)) return false;
    const tls = isMapping(item["tls"]) ? item["tls"]["certificates"] : item["tls"];
    return tls === "local" || tls === "auto";
  });
  if (secure < 0 || addresses.some((address) => /(?:^|:)80$/.test(address))) return raw;
  const address = addresses[secure]!.replace(/:?443$/, ":80");
  return { ...raw, listen: [...written, { address, redirect: "https" }] };
}

/** What a reference stands for may be a secret: sentences name the reference instead. */
function concealer(
  path: ConfigPath,
  replaced: readonly ConfigPath[],
  written: unknown,
  resolved: unknown,
): (sentence: string) => string {
  const reference = replaced.find((one) => startsWith(path, one) && startsWith(one, path));
  const secret = reference === undefined ? undefined : valueAt(resolved, reference);
  if (reference === undefined || typeof secret !== "string" || secret === "") {
    return (sentence) => sentence;
  }
  return (sentence) => sentence.replaceAll(secret, () => String(valueAt(written, reference)));
}

function startsWith(path: ConfigPath, prefix: ConfigPath): boolean {
  return prefix.every((key, index) => String(path[index]) === String(key));
}
