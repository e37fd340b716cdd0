/** Types of the library's public face: what `createProxy` takes, and what a proxy says. */

import type { ShortForm } from "#config/arguments.ts";
import type { ConfigInput } from "#config/input.ts";
import type { FILTER_SCHEMAS } from "#filters/schemas.ts";

/** The name of a configuration file; undefined: the first of the usual names in the folder. */
export interface FileSource {
  readonly configFile: string | undefined;
}

/** What to run: a file, the short form (`{ to: ["http://localhost:3000"] }`), or the configuration itself. */
export type ConfigSource = FileSource | ShortForm | ConfigInput<typeof FILTER_SCHEMAS>;

/** How a proxy lives in the program around it. What it does is in its configuration. */
export interface ProxyOptions {
  /** Applies changes of the configuration's files by itself. Default: false. */
  readonly watch?: boolean;
  /** Folder that relative names begin at. Default: the process's. */
  readonly directory?: string;
  /** What `${NAME}` in a configuration refers to. Default: the process's environment. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** What `log.access: auto` means. Default: "off". */
  readonly accessLog?: "json" | "pretty" | "off";
  /** Takes lines of the access log, each with its line break. Default: they go to standard output. */
  readonly writeAccess?: (lines: string) => void;
  /** Writes the process's log (starts, reloads, workers that die) as lines. Default: only `log` events. */
  readonly log?: { readonly write: (line: string) => void; readonly format: "json" | "pretty" };
  /** Opens the admin listener at its default address also when the configuration has no `admin`. Default: false. */
  readonly defaultAdmin?: boolean;
  /** Colours in lines for people. Default: false. */
  readonly color?: boolean;
  /** How bytes are moved, whatever the configuration says. */
  readonly transport?: "auto" | "node" | "uring";
  /**
   * Folder for what the proxy makes itself, such as certificates. Default: `$XDG_DATA_HOME/sluice` if that is set, else
   * `/var/lib/sluice` for root, else `~/.local/share/sluice`.
   */
  readonly data?: string | undefined;
  /** Old-generation heap of each worker thread, in MiB. Default: its share of half the memory, 256 to 4096. */
  readonly workerHeapMb?: number;
}

/** Levels of the process's own log, from the least to the most urgent. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** A line of the process's own log. */
export interface LogEntry {
  readonly level: LogLevel;
  /** Stable name of what happened, such as `worker_died`. */
  readonly code: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** What a reload came to. */
export type ReloadResult =
  | {
      readonly ok: true;
      /** Number of the configuration that runs now. */
      readonly generation: number;
      /** It ran already. */
      readonly unchanged: boolean;
      /** For people; "" without any. */
      readonly warnings: string;
    }
  /** The old configuration goes on; the reason is for people and may have several lines. */
  | { readonly ok: false; readonly reason: string };

/** An address that is listened on. */
export interface ListeningAddress {
  /** As configured. */
  readonly configured: string;
  /** As it is, with the real port: `http://127.0.0.1:8080`, `unix:/run/sluice.sock`. */
  readonly url: string;
}

/** How a proxy is doing. */
export interface ProxyStatus {
  readonly ready: boolean;
  /** Number of the configuration that runs; 0 before the first. */
  readonly generation: number;
  readonly workers: {
    readonly running: number;
    readonly wanted: number;
    /** Workers that died since the start. */
    readonly deaths: number;
  };
  /** Connections of clients, requests and tunnels that are under way. */
  readonly connections: number;
  readonly exchanges: number;
  readonly tunnels: number;
}

/** What of the cache is to be forgotten. A URL is written as clients see it: `https://example.com/path?query`. */
export type CachePurge =
  | { readonly kind: "url"; readonly url: string }
  /** All URLs that begin so. */
  | { readonly kind: "prefix"; readonly prefix: string }
  /** All answers that came with this name in `Surrogate-Key` or `Cache-Tag`. */
  | { readonly kind: "tag"; readonly tag: string }
  | { readonly kind: "all" };

/** What is in the cache, and what it has done since it began. */
export interface CacheFigures {
  /** Bytes that are in use, and that may be. */
  readonly bytes: number;
  readonly memory: number;
  readonly entries: number;
  readonly evictions: number;
  /** Requests that were answered from the store, fresh or stale. */
  readonly hits: number;
  readonly staleHits: number;
  /** Requests that asked the backend for all who wanted the same, and those who waited for them. */
  readonly misses: number;
  readonly collapsed: number;
  /** Requests that went past it. */
  readonly bypassed: number;
  /** Answers of backends: stored, found still good, not storable, not come. */
  readonly stored: number;
  readonly revalidated: number;
  readonly unstorable: number;
  readonly failed: number;
  /** Entries that were forgotten because they were purged or had become invalid. */
  readonly purged: number;
}

/** The cache of a running proxy. */
export interface ProxyCache {
  /** Null: no route has a cache. */
  readonly figures: CacheFigures | null;
  /** Forgets stored answers, in all workers at once. Returns how many entries that were. */
  forget(what: CachePurge): number;
}

/** Events of a proxy and what they carry. */
export interface ProxyEvents {
  listening: [addresses: readonly ListeningAddress[]];
  reload: [result: ReloadResult];
  /** A worker has died; another takes its place. */
  workerRestart: [event: { readonly worker: number; readonly reason: string }];
  log: [entry: LogEntry];
  /** The proxy cannot go on by itself. */
  error: [error: Error];
}

/** The configuration cannot be used; the message holds everything that is wrong with it, for people. */
export class ConfigError extends Error {
  override readonly name: string = "ConfigError";
}
