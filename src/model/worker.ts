/** What the control plane and a worker say to each other in the messages of `process/protocol.ts`. */

import type { EndpointAddress, SnapshotData } from "./snapshot.ts";
import type { CertificateUpdate, ChallengeUpdate } from "./tls.ts";

/** Numeric addresses of endpoints, in the order to be tried, by slot; empty while a name is unresolved. */
export type AddressUpdate = ReadonlyMap<number, readonly EndpointAddress[]>;

/** What changes between generations; what is not there has not changed. */
export interface WorkerUpdate {
  readonly addresses?: AddressUpdate;
  readonly certificates?: CertificateUpdate;
  readonly challenges?: ChallengeUpdate;
  readonly ticketSecrets?: TicketSecrets;
  readonly cache?: CacheMemory;
}

/** The memory of the cache, shared by all workers. */
export interface CacheMemory {
  readonly buffer: SharedArrayBuffer;
  /** What it was made for, bytes. */
  readonly memory: number;
}

/** Secrets of 32 bytes that tickets of TLS sessions are sealed with: the first seals new ones, all open. */
export type TicketSecrets = readonly Uint8Array[];

/** Regions of shared memory, one for each table. */
export type Region = "endpoints" | "workers" | "metrics" | "lines";

/** What a worker is started with. */
export interface WorkerBoot {
  readonly memory: Readonly<Record<Region, SharedArrayBuffer>>;
  /** Where each worker writes down what it has of the system; known to the transport alone. */
  readonly holdings: SharedArrayBuffer;
  /** How bytes are to be moved. */
  readonly transport: "auto" | "node" | "uring";
  /** Makes the random numbers of each worker different ones. */
  readonly seed: number;
  /** The access log on a terminal may be coloured. */
  readonly color: boolean;
  /** Of dates in the access log, minutes east of UTC. */
  readonly utcOffset: number;
  /** URLs that bare specifiers of a TypeScript configuration stand for. */
  readonly aliases: Readonly<Record<string, string>>;
  /** What a configuration that is a function is called with. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** A generation to prepare. */
export interface WorkerPayload {
  readonly snapshot: SnapshotData;
  readonly addresses: AddressUpdate;
  /** Those of the snapshot's sources. */
  readonly certificates: CertificateUpdate;
  readonly challenges: ChallengeUpdate;
  readonly ticketSecrets: TicketSecrets;
  readonly filterMemory: FilterRegions;
  /** Null: no route has a cache. */
  readonly cache: CacheMemory | null;
}

/** Memory of filters, by key; each region begins with `FILTER_SEED_BYTES` random bytes. */
export type FilterRegions = ReadonlyMap<string, SharedArrayBuffer>;

/** Random bytes at the beginning of a filter's memory. */
export const FILTER_SEED_BYTES = 16;

/** What a worker tells without being asked. */
export type WorkerReport =
  | {
      readonly kind: "log";
      readonly level: "debug" | "info" | "warn" | "error";
      /** Stable name of what happened. */
      readonly code: string;
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    }
  /** It was quiet, and has freed what it could; the allocator may keep that. */
  | { readonly kind: "freed" }
  /** Which transport it uses, and why not another. */
  | { readonly kind: "transport"; readonly name: string; readonly reason: string | null }
  /** It answers certificate authorities by this update, or a newer one. */
  | { readonly kind: "challenges"; readonly version: number }
  /** An endpoint could not be connected to: its name may point elsewhere by now. */
  | { readonly kind: "connect-failed"; readonly slot: number };
