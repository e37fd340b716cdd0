/** The public entry: a reverse proxy as a library. `docs/guide/library.md` is its manual. */

import { type DefineConfig, defineConfig as define } from "#config/define.ts";
import type { FILTER_SCHEMAS } from "#filters/schemas.ts";
import type { ConfigSource, ProxyOptions } from "./api.ts";
import { type App, createApp } from "./app.ts";

export {
  type CacheFigures,
  type CachePurge,
  ConfigError,
  type ConfigSource,
  type FileSource,
  type ListeningAddress,
  type LogEntry,
  type LogLevel,
  type ProxyCache,
  type ProxyEvents,
  type ProxyOptions,
  type ProxyStatus,
  type ReloadResult,
} from "./api.ts";
export type { App as Proxy } from "./app.ts";
export * from "#sdk/index.ts";
export type { ShortForm } from "#config/arguments.ts";
export type { ConfigInput } from "#config/input.ts";
export type { Config } from "#config/types.ts";

/** Returns its argument, a configuration that the compiler has checked: names of upstreams, filters and their options. */
export const defineConfig: DefineConfig<typeof FILTER_SCHEMAS> = define;

/**
 * Reads and checks a configuration and makes a proxy of it, which listens when `listen()` is called.
 *
 * It installs no signal handlers and never ends the process: that is up to the program.
 *
 * @param source the configuration, `{ configFile }`, or the short form `{ to }`
 * @throws ConfigError with everything that is wrong with the configuration, for people
 */
export function createProxy(source: ConfigSource, options: ProxyOptions = {}): Promise<App> {
  return createApp({
    source,
    watch: false,
    directory: process.cwd(),
    environment: process.env,
    accessLog: "off",
    defaultAdmin: false,
    color: false,
    ...options,
  });
}
