/** The settings that no worker gets to see: they are the process's own. */

import type { Config } from "./types.ts";

/** Plain data, with its keys in the order of the schema: equal as text is equal. */
const SETTINGS: readonly (readonly [path: string, of: (config: Config) => unknown])[] = [
  ["timeouts.drain", (config) => config.timeouts.drain],
  ["timeouts.stopDelay", (config) => config.timeouts.stopDelay],
  ["log.level", (config) => config.log.level],
  ["admin", (config) => config.admin],
  ["workers", (config) => config.workers],
  ["transport", (config) => config.transport],
];

/** Paths of the process's own settings in which two configurations differ: `["timeouts.drain"]`. */
export function changedSettings(before: Config, after: Config): string[] {
  return SETTINGS.filter(([, of]) => JSON.stringify(of(before)) !== JSON.stringify(of(after))).map(
    ([path]) => path,
  );
}

/** Says that configuration `generation`, which is `after`, runs, and which of the process's own settings are others. */
export function inUse(generation: number, before: Config, after: Config): string {
  const settings = changedSettings(before, after);
  const others = settings.length === 0 ? "" : `, with other ${settings.join(", ")}`;
  return `configuration ${generation} is in use${others}`;
}
