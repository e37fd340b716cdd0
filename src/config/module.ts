/**
 * Importing a configuration that is a module. Imports nothing of the project and no package, so that workers can use it
 * to find the functions of a TypeScript configuration.
 */
import { registerHooks } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";

/** URLs that bare specifiers of a configuration stand for: `sluice`, `sluice/sdk`. */
export type ModuleAliases = Readonly<Record<string, string>>;

/** An imported configuration. */
export interface ImportedConfig {
  /** The default export; a function has been called with the environment and awaited. Undefined if there is none. */
  readonly value: unknown;
  /** Absolute names of the files below the configuration's folder that were imported, the configuration included. */
  readonly files: readonly string[];
}

/**
 * Imports `file` and the modules below its folder anew for each `generation`. Only they are renewed: packages
 * (`node_modules`) and modules elsewhere are imported once, as ever.
 *
 * Rejects with whatever the module throws; `files` is filled all the same, through `seen`.
 */
export async function importConfig(
  file: string,
  options: {
    readonly generation: number;
    readonly aliases: ModuleAliases;
    readonly environment: Readonly<Record<string, string | undefined>>;
    /** Told of each file as it is resolved. */
    readonly seen?: (file: string) => void;
  },
): Promise<ImportedConfig> {
  const url = pathToFileURL(file);
  const folder = new URL(".", url).href;
  const tag = `g=${options.generation}`;
  const files = new Set([file]);
  const own = (href: string): boolean =>
    href.startsWith(folder) && !href.includes("/node_modules/");
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      const parent = context.parentURL;
      // Other imports of the process pass untouched: only modules of this generation are ours.
      const asked = parent === undefined ? specifier : parent;
      if (!own(asked) || !hasTag(asked, tag)) return next(specifier, context);
      const alias = options.aliases[specifier];
      if (alias !== undefined) return { url: alias, shortCircuit: true };
      const resolved = next(specifier, context);
      if (!own(resolved.url)) return resolved;
      const name = fileURLToPath(new URL(resolved.url));
      files.add(name);
      options.seen?.(name);
      return { ...resolved, url: withTag(resolved.url, tag) };
    },
  });
  try {
    const module = (await import(withTag(url.href, tag))) as { readonly default?: unknown };
    const exported = module.default;
    const made: unknown =
      typeof exported === "function"
        ? await (exported as (environment: unknown) => unknown)({ ...options.environment })
        : exported;
    return { value: made, files: [...files] };
  } finally {
    hooks.deregister();
  }
}

function hasTag(href: string, tag: string): boolean {
  return new URL(href).search === `?${tag}`;
}

function withTag(href: string, tag: string): string {
  const url = new URL(href);
  url.search = `?${tag}`;
  return url.href;
}
