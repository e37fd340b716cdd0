/**
 * How the store lies in shared memory. One buffer, cut into shards, each with a lock, an index and blocks of its own:
 *
 *     buffer  [ header ][ pins: a table for each thread ][ counters: likewise ][ shard 0 ][ shard 1 ] …
 *     shard   [ header ][ index ][ ghosts ][ next block, for each block ][ order of each block ][ blocks ]
 *     blocks  of 256 bytes; pieces of 1, 2, 4 … 256 of them, as the buddy allocator hands them out
 *
 * An entry is a piece that begins with the words below and goes on with its key. Its head and its body are pieces of
 * their own; the body is a chain of them. References to blocks are 1-based, so that zeroed memory refers to nothing.
 */

/** Bytes of a block, and as a power of two. */
export const BLOCK = 256;
export const BLOCK_SHIFT = 8;
/** The largest piece: 256 blocks, 64 KiB. */
export const TOP_ORDER = 8;
export const TOP_BLOCKS: number = 1 << TOP_ORDER;

/** What an entry is. */
export const STATE = {
  /** The backend has been asked, and has not answered yet. */
  FILLING: 1,
  /** The head is there, the body grows. */
  OPEN: 2,
  /** All is there. */
  COMPLETE: 3,
  /** Its body will not be completed. */
  BROKEN: 4,
  /** Says by which fields the answers of its key vary. */
  SPEC: 5,
  /** Says that answers of its key cannot be stored at present. */
  MARKER: 6,
} as const;

/** Words (32 bits) of an entry. */
export const AT = {
  STATE: 0,
  PINS: 1,
  HASH: 2,
  CHAIN: 3,
  QUEUE_PREVIOUS: 4,
  QUEUE_NEXT: 5,
  QUEUE: 6,
  USES: 7,
  /** Blocks that it takes up in all. */
  BLOCKS: 8,
  BODY_FIRST: 9,
  BODY_LAST: 10,
  /** Bytes of the body that can be read. */
  AVAILABLE: 11,
  /** Bytes of the whole body, -1 as long as that is not known. */
  LENGTH: 12,
  /** A bit for each thread (modulo 32) that waits for a change. */
  WAITERS: 13,
  /** Row + 1 of the thread that fills it or asks whether it is still good. */
  OWNER: 14,
  HEAD: 15,
  HEAD_BYTES: 16,
  /** Words of the places of fields that stand behind the bytes of the head, and bytes of tags behind those. */
  HEAD_PLACES: 17,
  TAG_BYTES: 18,
  KEY_BYTES: 19,
  URL_BYTES: 20,
  STATUS: 21,
  FLAGS: 22,
  /** Of a spec: variants since it began, and which beginning that was. */
  VARIANTS: 23,
  GENERATION: 24,
  /** 1 as long as it can be found. */
  LINKED: 25,
} as const;

/** Numbers (64 bits) of an entry, counted from its beginning. */
export const NUMBER = {
  RESPONSE_TIME: 14,
  INITIAL_AGE: 15,
  LIFETIME: 16,
  STALE_WHILE_REVALIDATE: 17,
  STALE_IF_ERROR: 18,
  /** When asking the backend last failed; of a marker: until when it counts. */
  FAILED_AT: 19,
} as const;

/** Where an entry's key begins. */
export const ENTRY_BYTES = 160;

/** Bits of `FLAGS`. */
export const FLAG = {
  NO_CACHE: 1,
  MUST_REVALIDATE: 2,
  GUESSED: 4,
  FORCED: 8,
  VALIDATOR: 16,
} as const;

/** Words of a shard's header. */
export const SHARD = {
  LOCK: 0,
  /** Blocks in use. */
  USED: 1,
  ENTRIES: 2,
  /** S3-FIFO: both ends of each queue, and blocks of what is in it. */
  SMALL_HEAD: 3,
  SMALL_TAIL: 4,
  SMALL_BLOCKS: 5,
  MAIN_HEAD: 6,
  MAIN_TAIL: 7,
  MAIN_BLOCKS: 8,
  MAIN_ENTRIES: 9,
  /** How many entries have been forgotten, for the age of ghosts. */
  CLOCK: 10,
  GENERATION: 11,
  EVICTIONS: 12,
  /** Blocks that have never been used begin here: their memory is not touched before. */
  FRESH: 13,
  FREE: 16,
} as const;
export const SHARD_HEADER_BYTES = 256;

/** Pins that one thread can hold. */
export const PINS = 8192;

/** Counters of a thread, by place. */
export const COUNTERS = [
  "hits",
  "staleHits",
  "revalidated",
  "misses",
  "collapsed",
  "bypassed",
  "stored",
  "unstorable",
  "failed",
  "purged",
] as const;
export type Counter = (typeof COUNTERS)[number];
export const COUNTER_BYTES = 128;

/** Where everything is, for a store of so many bytes. */
export interface Layout {
  readonly bytes: number;
  readonly shards: number;
  readonly shardBytes: number;
  readonly shardsAt: number;
  readonly pinsAt: number;
  readonly countersAt: number;
  /** Of each shard. */
  readonly blocks: number;
  readonly buckets: number;
  readonly ghosts: number;
  readonly indexAt: number;
  readonly ghostsAt: number;
  readonly nextAt: number;
  readonly ordersAt: number;
  readonly blocksAt: number;
}

/** The smallest store. */
export const LEAST_MEMORY: number = 1024 * 1024;

/** Lays out a store of about `memory` bytes, all of its tables included. `rows`: threads. */
export function layoutOf(memory: number, rows: number): Layout {
  const pinsAt = 64;
  const countersAt = pinsAt + rows * PINS * 4;
  const shardsAt = roundUp(countersAt + rows * COUNTER_BYTES, 4096);
  const shards = powerBelow(Math.min(Math.max(memory / (64 * 1024 * 1024), 1), 64));
  const wanted = Math.max(memory, LEAST_MEMORY) / shards;
  // A block costs 5 bytes of tables; for every eighth there is a bucket and a ghost.
  const perBlock = BLOCK + 5 + (4 + 8) / 4;
  const blocks = Math.floor(wanted / perBlock / TOP_BLOCKS) * TOP_BLOCKS;
  const buckets = powerBelow(Math.max(blocks / 4, 64));
  const ghosts = powerBelow(Math.max(blocks / 4, 64));
  const indexAt = SHARD_HEADER_BYTES;
  const ghostsAt = indexAt + buckets * 4;
  const nextAt = ghostsAt + ghosts * 8;
  const ordersAt = nextAt + blocks * 4;
  const blocksAt = roundUp(ordersAt + blocks, 4096);
  const shardBytes = blocksAt + blocks * BLOCK;
  return {
    bytes: shardsAt + shards * shardBytes,
    shards,
    shardBytes,
    shardsAt,
    pinsAt,
    countersAt,
    blocks,
    buckets,
    ghosts,
    indexAt,
    ghostsAt,
    nextAt,
    ordersAt,
    blocksAt,
  };
}

function roundUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}

function powerBelow(value: number): number {
  return 2 ** Math.floor(Math.log2(value));
}
