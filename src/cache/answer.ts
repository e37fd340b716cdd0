/** An answer from the store: a head that fits the request, and the body, which may still be growing. */

import { REASONS } from "#core/http/reasons.ts";
import { HEADER } from "#core/http/header-names.ts";
import type { RequestHead, ResponseHead } from "#core/http/message.ts";
import { type ByteRange, rangesOf } from "./http/ranges.ts";
import { type CacheReport, addCacheStatus } from "./http/status-field.ts";
import { dropBodyFields } from "./http/update.ts";
import { isNotModified, rangeStillApplies } from "./http/validators.ts";
import { AT, STATE } from "./memory/layout.ts";
import type { Cache, Watcher } from "./cache.ts";
import type { Pin } from "./memory/store.ts";

/** Between the parts of an answer with several (RFC 9110 §14.6). Any text that the parts do not hold by chance. */
const BOUNDARY = "sluice-5d1c0b7a9e3f4682";

/** What `read` says beside a number of bytes. */
export const NOTHING_YET = 0;
export const ENDED = -1;
export const BROKEN = -2;

/** A piece of what is sent: bytes of the proxy's own, or of the stored body. */
type Segment =
  | { readonly own: Uint8Array }
  /** `end` exclusive; `Infinity`: as far as it goes. */
  | { readonly own: null; readonly start: number; readonly end: number };

/** What of an entry is known when an answer is made, read under its shard's lock. */
export interface StoredHead {
  readonly pin: Pin;
  /** With status and fields as they were stored; becomes the answer's. */
  readonly head: ResponseHead;
  /** Of the whole body; -1: not known yet. */
  readonly length: number;
}

/** See the head of this file. */
export class StoredAnswer implements Watcher {
  readonly head: ResponseHead;
  /** Told when there may be more to read after `read` has said `NOTHING_YET`. */
  onMore: (() => void) | null = null;
  readonly #cache: Cache;
  #pin: Pin | null;
  readonly #segments: Segment[];
  #segment = 0;
  /** In a segment of own bytes: how many were read. In one of the body: the offset in it. */
  #position = 0;
  /** The piece that holds the byte at the position, and where that piece begins in the body; 0: to be found. */
  #piece = 0;
  #pieceStart = 0;

  /** @param age in milliseconds */
  constructor(
    cache: Cache,
    stored: StoredHead,
    request: RequestHead,
    age: number,
    now: number,
    report: CacheReport,
  ) {
    this.#cache = cache;
    this.#pin = stored.pin;
    const { head } = stored;
    this.head = head;
    setStatus(head, head.status);
    head.framing = head.status === 204 ? "none" : stored.length >= 0 ? "length" : "chunked";
    head.contentLength = head.status === 204 ? -1 : stored.length;
    const segments = shape(head, stored.length, request, now);
    head.headers.appendUnchecked("Age", String(Math.floor(age / 1000)));
    addCacheStatus(head.headers, report);
    this.#segments = segments;
    const [first] = segments;
    if (first !== undefined && first.own === null) this.#position = first.start;
  }

  /** Copies what is there, at most `size` bytes. @returns how many, or `NOTHING_YET`, `ENDED`, `BROKEN` */
  read(target: Uint8Array, at: number, size: number): number {
    const segment = this.#segments[this.#segment];
    if (segment === undefined) return ENDED;
    if (segment.own !== null) return this.#readOwn(segment.own, target, at, size);
    const { shard, entry } = this.#pin!;
    // The state first: what it says is complete is all there.
    const state = shard.load(entry, AT.STATE);
    const available = shard.load(entry, AT.AVAILABLE);
    const end = Math.min(segment.end, available);
    if (this.#position >= end) {
      if (this.#position >= segment.end || state === STATE.COMPLETE)
        return this.#next(target, at, size);
      return state === STATE.BROKEN || this.#cache.abandoned ? BROKEN : NOTHING_YET;
    }
    if (!this.#seek()) return NOTHING_YET;
    const inPiece = this.#position - this.#pieceStart;
    const count = Math.min(size, end - this.#position, shard.sizeOf(this.#piece) - inPiece);
    const from = shard.byteAt(this.#piece) + inPiece;
    target.set(shard.bytes.subarray(from, from + count), at);
    this.#position += count;
    return count;
  }

  /** Makes `onMore` be called when the entry changes; to be followed by another `read`. */
  awaitMore(): void {
    if (this.#pin === null) return;
    this.#cache.watch(this);
    this.#cache.store.awaitChange(this.#pin);
  }

  check(): void {
    this.#cache.unwatch(this);
    this.onMore?.();
  }

  /** Nothing more is read. Harmless a second time. */
  release(): void {
    const pin = this.#pin;
    if (pin === null) return;
    this.#pin = null;
    this.#segment = this.#segments.length;
    this.#cache.unwatch(this);
    this.#cache.store.unpin(pin);
  }

  #readOwn(own: Uint8Array, target: Uint8Array, at: number, size: number): number {
    const count = Math.min(size, own.length - this.#position);
    if (count === 0) return this.#next(target, at, size);
    target.set(own.subarray(this.#position, this.#position + count), at);
    this.#position += count;
    return count;
  }

  #next(target: Uint8Array, at: number, size: number): number {
    const segment = this.#segments[++this.#segment];
    if (segment === undefined) return ENDED;
    this.#position = segment.own === null ? segment.start : 0;
    this.#piece = 0;
    return this.read(target, at, size);
  }

  /** Finds the piece of the position. False if it cannot be seen yet. */
  #seek(): boolean {
    const { shard, entry } = this.#pin!;
    if (this.#piece === 0) {
      this.#piece = shard.load(entry, AT.BODY_FIRST);
      this.#pieceStart = 0;
      if (this.#piece === 0) return false;
    }
    while (this.#position >= this.#pieceStart + shard.sizeOf(this.#piece)) {
      const size = shard.sizeOf(this.#piece);
      const next = shard.after(this.#piece);
      if (next === 0) return false;
      this.#pieceStart += size;
      this.#piece = next;
    }
    return true;
  }
}

/** Makes the head one for what is asked: the whole, parts, or that nothing has changed. */
function shape(head: ResponseHead, length: number, request: RequestHead, now: number): Segment[] {
  const { headers, status } = head;
  if (status === 200 && isNotModified(request.headers, headers, now)) {
    setStatus(head, 304);
    head.framing = "none";
    head.contentLength = -1;
    dropBodyFields(head.headers);
    return [];
  }
  const range = status === 200 && length >= 0 ? request.headers.get("range") : undefined;
  // Only GET has ranges (RFC 9110 §14.2).
  if (
    range !== undefined &&
    request.method === "GET" &&
    rangeStillApplies(request.headers, headers)
  ) {
    const outcome = rangesOf(range, length);
    if (outcome.kind === "unsatisfiable") {
      setStatus(head, 416);
      head.headers.set("Content-Range", `bytes */${length}`);
      setLength(head, 0);
      return [];
    }
    if (outcome.kind === "parts") {
      setStatus(head, 206);
      const [only, ...others] = outcome.parts;
      return others.length === 0
        ? onePart(head, only!, length)
        : manyParts(head, outcome.parts, length);
    }
  }
  if (request.method === "HEAD" || head.framing === "none") return [];
  return [{ own: null, start: 0, end: length >= 0 ? length : Infinity }];
}

function onePart(head: ResponseHead, { first, last }: ByteRange, length: number): Segment[] {
  head.headers.set("Content-Range", `bytes ${first}-${last}/${length}`);
  setLength(head, last - first + 1);
  return [{ own: null, start: first, end: last + 1 }];
}

function manyParts(head: ResponseHead, parts: readonly ByteRange[], length: number): Segment[] {
  const type = head.headers.get("content-type");
  const segments: Segment[] = [];
  let total = 0;
  const own = (text: string): void => {
    const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0));
    segments.push({ own: bytes });
    total += bytes.length;
  };
  for (const { first, last } of parts) {
    const typeLine = type === undefined ? "" : `Content-Type: ${type}\r\n`;
    const range = `Content-Range: bytes ${first}-${last}/${length}\r\n`;
    own(`\r\n--${BOUNDARY}\r\n${typeLine}${range}\r\n`);
    segments.push({ own: null, start: first, end: last + 1 });
    total += last - first + 1;
  }
  own(`\r\n--${BOUNDARY}--\r\n`);
  head.headers.set("Content-Type", `multipart/byteranges; boundary=${BOUNDARY}`);
  setLength(head, total);
  return segments;
}

function setStatus(head: ResponseHead, status: number): void {
  head.status = status;
  head.reason = REASONS[status] ?? "";
}

function setLength(head: ResponseHead, length: number): void {
  head.framing = "length";
  head.contentLength = length;
  head.headers.deleteId(HEADER["content-length"]);
}
