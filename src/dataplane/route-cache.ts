/**
 * What the data plane asks of a cache. It does not know which one it is: the worker's composition root gives each route
 * that has one its own.
 */

import type { HeaderList } from "#core/http/header-list.ts";
import type { RequestHead, ResponseHead } from "#core/http/message.ts";

/** A request as it is about to be sent. */
export interface CacheSubject {
  readonly request: RequestHead;
  readonly scheme: string;
  /** Target and Host as they are sent. */
  readonly plan: { readonly target: string; readonly host: string };
}

/** The cache of one route. */
export interface RouteCache {
  /** @param round 0, and one more each time after having waited */
  lookup(subject: CacheSubject, round: number): CacheLookup;
}

/** What a lookup comes to. */
export type CacheLookup =
  /** The backend is asked as if there were no cache. */
  | { readonly kind: "pass"; readonly pass: CachePass }
  /** It is in the store; `refresh`: and has to be renewed, while nobody waits. */
  | { readonly kind: "answer"; readonly answer: CachedAnswer; readonly refresh: CacheFill | null }
  /** The backend is asked, and its answer may be stored. */
  | { readonly kind: "fill"; readonly fill: CacheFill }
  /** Somebody else is asking: it is looked for again when that has come to something. */
  | { readonly kind: "wait"; readonly wait: CacheWait }
  /** The client wants it from a cache alone, and it is in none. */
  | { readonly kind: "absent" };

/** A request that goes past the cache. */
export interface CachePass {
  /** The backend has answered: the cache forgets what that made invalid, and adds its fields. */
  answered(head: ResponseHead): void;
}

/** An answer from the store. */
export interface CachedAnswer {
  /** Made for the request; with framing and length. */
  readonly head: ResponseHead;
  /** Told when there may be more to read. */
  onMore: (() => void) | null;
  /**
   * Copies what is there, at most `size` bytes.
   *
   * @returns how many, or 0: nothing yet, -1: that was all, -2: there will be no more although it is not all
   */
  read(target: Uint8Array, at: number, size: number): number;
  /** Makes `onMore` be called once; to be followed by another `read`. */
  awaitMore(): void;
  /** Nothing more is read. Harmless a second time. */
  release(): void;
}

/** A request that waits for another's fill. */
export interface CacheWait {
  /** Calls back when the other has come to something; perhaps at once. */
  begin(onOver: () => void): void;
  /** It is not waited for any more. Harmless a second time. */
  end(): void;
}

/** A request to the backend whose answer may be stored. */
export interface CacheFill {
  /** Changes conditions of the request that is sent for it. */
  prepare(headers: HeaderList): void;
  /**
   * The backend has answered. "stored": `answer` reads it as `write` brings it; "kept": `answer` is what was stored
   * before, and the rest of the backend's is of no use; "live": it is for the one who asked, as it comes.
   */
  head(request: RequestHead, head: ResponseHead): "stored" | "kept" | "live";
  /** Adds the cache's fields to the head of a live answer. */
  annotate(head: ResponseHead): void;
  /** Null: there is none. */
  answer(request: RequestHead): CachedAnswer | null;
  /** What was stored before, if it may stand for an answer that did not come. */
  staleAnswer(request: RequestHead): CachedAnswer | null;
  /** Adds bytes of the body. False: they are not stored, nor what follows; they are for the one who asked. */
  write(bytes: Uint8Array): boolean;
  end(): void;
  /** There will be no answer, or no more of it. */
  fail(): void;
  /** Gives back what it holds. Harmless a second time. */
  close(): void;
}
