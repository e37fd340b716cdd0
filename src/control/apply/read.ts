/** From a configuration's origin to a snapshot that can be applied. */

import { type Diagnostic, renderDiagnostics } from "#config/diagnostic.ts";
import { type ConfigOrigin, loadConfig } from "#config/load.ts";
import type { SourceMap } from "#config/source-map.ts";
import type { Config } from "#config/types.ts";
import type { SnapshotData } from "#model/snapshot.ts";
import type { FilterSchemas } from "#sdk/config.ts";
import { type SlotKeys, type Slots, compile } from "../compile/compile.ts";

/** What reading needs of the process. */
export interface ConfigReaderOptions {
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** URLs that bare specifiers of a TypeScript configuration stand for. */
  readonly aliases: Readonly<Record<string, string>>;
  readonly filters: FilterSchemas;
  readonly slots: Slots;
  /** What `Via` calls this instance. */
  readonly instance: string;
  /** What `log.access: auto` means. */
  readonly accessLog: "json" | "pretty" | "off";
  /** Colours in texts for people. */
  readonly color: boolean;
}

/** A configuration that is right. */
export interface ReadConfig {
  readonly ok: true;
  readonly config: Config;
  readonly snapshot: SnapshotData;
  /** What has a row of shared memory. */
  readonly keys: SlotKeys;
  readonly sources: SourceMap;
  readonly files: readonly string[];
  readonly warnings: readonly Diagnostic[];
  /** The warnings for people; "" without any. */
  readonly text: string;
}

/** One that is not. */
export interface BrokenConfig {
  readonly ok: false;
  readonly files: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
  /** The diagnostics for people. */
  readonly text: string;
}

/** Reads configurations, each time as a new generation. */
export class ConfigReader {
  readonly #options: ConfigReaderOptions;
  #generation = 0;

  constructor(options: ConfigReaderOptions) {
    this.#options = options;
  }

  /** Never rejects for what users can get wrong. */
  async read(origin: ConfigOrigin): Promise<ReadConfig | BrokenConfig> {
    const { directory, environment, aliases, filters } = this.#options;
    const generation = ++this.#generation;
    const loaded = await loadConfig({
      origin,
      filters,
      directory,
      environment,
      aliases,
      generation,
    });
    if (!loaded.ok) return this.#broken(loaded.files, loaded.diagnostics, loaded.sources);

    const { config, sources, files, module, directory: folder, texts } = loaded;
    const inline = origin.kind === "object" ? inlineFilters(config, sources) : [];
    if (inline.length > 0) return this.#broken(files, inline, sources);

    const { slots, instance, accessLog } = this.#options;
    const compiled = compile(config, {
      generation,
      sources,
      module,
      slots,
      instance,
      accessLog,
      files: { directory: folder, texts },
      filters,
    });
    if (!compiled.ok) {
      return this.#broken(files, [...loaded.warnings, ...compiled.diagnostics], sources);
    }
    const warnings = [...loaded.warnings, ...compiled.warnings];
    const { snapshot, keys } = compiled;
    const text = this.#render(warnings, sources);
    return { ok: true, config, snapshot, keys, sources, files, warnings, text };
  }

  #broken(
    files: readonly string[],
    diagnostics: readonly Diagnostic[],
    sources: SourceMap,
  ): BrokenConfig {
    return { ok: false, files, diagnostics, text: this.#render(diagnostics, sources) };
  }

  #render(diagnostics: readonly Diagnostic[], sources: SourceMap): string {
    if (diagnostics.length === 0) return "";
    const text = (file: string): string | undefined => sources.text(file);
    return renderDiagnostics(diagnostics, { color: this.#options.color, text });
  }
}

/** Functions cannot be sent to another thread, and an object has no module from which a worker could import them. */
function inlineFilters(config: Config, sources: SourceMap): Diagnostic[] {
  return config.routes.flatMap((route, i) =>
    route.use.flatMap((use, j) =>
      use.kind === "inline"
        ? [
            sources.diagnostic(
              "error",
              ["routes", i, "use", j],
              "a filter that is a function cannot be passed to the worker threads in an object",
              "put the configuration into a file, such as sluice.config.ts, and pass its name: `{ configFile }`",
            ),
          ]
        : [],
    ),
  );
}
