/** Heads and terms of entries, as they lie in shared memory. To be called under the shard's lock. */

import type { HeaderList } from "#core/http/header-list.ts";
import { latin1 } from "#core/bytes/latin1.ts";
import { hasValidator } from "./http/validators.ts";
import type { StoredTerms } from "./http/reuse.ts";
import type { Terms } from "./http/storable.ts";
import { AT, FLAG, NUMBER } from "./memory/layout.ts";
import type { Shard } from "./memory/shard.ts";

/** Largest head with its places and tags. */
const MOST_HEAD = 64 * 1024;

/** What is read of an entry to decide how it may be used. */
export interface EntryTerms extends StoredTerms {
  readonly staleIfError: number;
  readonly failedAt: number;
  readonly flags: number;
}

/** Writes a head, in the place of the one that there may be. False if there is no room. */
export function writeHead(
  shard: Shard,
  entry: number,
  fields: HeaderList,
  tags: readonly string[],
): boolean {
  const places = fields.places();
  const tagText = tags.join("\n");
  const placesAt = (fields.used + 3) & ~3;
  const size = placesAt + places.byteLength + tagText.length;
  if (size > MOST_HEAD) return false;
  const piece = shard.take(entry, size);
  if (piece === 0) return false;
  const old = shard.get(entry, AT.HEAD);
  if (old !== 0) shard.give(entry, old);
  const at = shard.byteAt(piece);
  shard.bytes.set(fields.bytes.subarray(0, fields.used), at);
  shard.words.set(places, (at + placesAt) / 4);
  for (let i = 0; i < tagText.length; i++) {
    shard.bytes[at + placesAt + places.byteLength + i] = tagText.charCodeAt(i);
  }
  shard.set(entry, AT.HEAD, piece);
  shard.set(entry, AT.HEAD_BYTES, fields.used);
  shard.set(entry, AT.HEAD_PLACES, places.length);
  shard.set(entry, AT.TAG_BYTES, tagText.length);
  return true;
}

/** Copies the stored head into an empty list. */
export function readHead(shard: Shard, entry: number, into: HeaderList): void {
  const at = shard.byteAt(shard.get(entry, AT.HEAD));
  const used = shard.get(entry, AT.HEAD_BYTES);
  const words = shard.get(entry, AT.HEAD_PLACES);
  const placesAt = (at + ((used + 3) & ~3)) / 4;
  into.appendLines({
    bytes: shard.bytes.subarray(at, at + used),
    places: shard.words.subarray(placesAt, placesAt + words),
  });
}

/** The tags by which an entry can be forgotten. */
export function readTags(shard: Shard, entry: number): readonly string[] {
  const length = shard.get(entry, AT.TAG_BYTES);
  if (length === 0) return [];
  const places = (shard.get(entry, AT.HEAD_BYTES) + 3) & ~3;
  const behind = places + shard.get(entry, AT.HEAD_PLACES) * 4;
  const at = shard.byteAt(shard.get(entry, AT.HEAD)) + behind;
  return latin1(shard.bytes, at, at + length).split("\n");
}

/** Writes text in the place of a head; for specs. */
export function writeText(shard: Shard, entry: number, text: string): boolean {
  const piece = text.length > MOST_HEAD ? 0 : shard.take(entry, text.length);
  if (piece === 0) return false;
  const at = shard.byteAt(piece);
  for (let i = 0; i < text.length; i++) shard.bytes[at + i] = text.charCodeAt(i);
  shard.set(entry, AT.HEAD, piece);
  shard.set(entry, AT.HEAD_BYTES, text.length);
  return true;
}

/** The text of a spec. */
export function readText(shard: Shard, entry: number): string {
  const at = shard.byteAt(shard.get(entry, AT.HEAD));
  return latin1(shard.bytes, at, at + shard.get(entry, AT.HEAD_BYTES));
}

/** Writes what decides how the entry may be used. */
export function writeTerms(shard: Shard, entry: number, terms: Terms, fields: HeaderList): void {
  shard.setNumber(entry, NUMBER.RESPONSE_TIME, terms.responseTime);
  shard.setNumber(entry, NUMBER.INITIAL_AGE, terms.initialAge);
  shard.setNumber(entry, NUMBER.LIFETIME, terms.lifetime);
  shard.setNumber(entry, NUMBER.STALE_WHILE_REVALIDATE, terms.staleWhileRevalidate);
  shard.setNumber(entry, NUMBER.STALE_IF_ERROR, terms.staleIfError);
  shard.setNumber(entry, NUMBER.FAILED_AT, 0);
  shard.set(
    entry,
    AT.FLAGS,
    (terms.noCache ? FLAG.NO_CACHE : 0) |
      (terms.mustRevalidate ? FLAG.MUST_REVALIDATE : 0) |
      (terms.guessed ? FLAG.GUESSED : 0) |
      (terms.forced ? FLAG.FORCED : 0) |
      (hasValidator(fields) ? FLAG.VALIDATOR : 0),
  );
}

/** Reads it. */
export function readTerms(shard: Shard, entry: number): EntryTerms {
  const flags = shard.get(entry, AT.FLAGS);
  return {
    responseTime: shard.number(entry, NUMBER.RESPONSE_TIME),
    initialAge: shard.number(entry, NUMBER.INITIAL_AGE),
    lifetime: shard.number(entry, NUMBER.LIFETIME),
    staleWhileRevalidate: shard.number(entry, NUMBER.STALE_WHILE_REVALIDATE),
    staleIfError: shard.number(entry, NUMBER.STALE_IF_ERROR),
    failedAt: shard.number(entry, NUMBER.FAILED_AT),
    noCache: (flags & FLAG.NO_CACHE) !== 0,
    mustRevalidate: (flags & FLAG.MUST_REVALIDATE) !== 0,
    flags,
  };
}
