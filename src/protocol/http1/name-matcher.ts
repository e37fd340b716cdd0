/**
 * Recognises a field's name with its colon where the end of the name is not known yet: the bytes at fixed places choose
 * what the name may be, and that is compared four bytes at a time. What is not recognised is read byte by byte.
 */

import { ascii } from "#core/bytes/writer.ts";
import { HEADER_NAMES, headerIdOf } from "#core/http/header-names.ts";

/** Names without an id that are common all the same: recognised, they need not be read byte by byte. */
const COMMON_NAMES = [
  "accept-ranges",
  "access-control-allow-credentials",
  "access-control-allow-headers",
  "access-control-allow-methods",
  "access-control-allow-origin",
  "access-control-expose-headers",
  "access-control-max-age",
  "access-control-request-headers",
  "access-control-request-method",
  "alt-svc",
  "cf-cache-status",
  "cf-connecting-ip",
  "cf-ipcountry",
  "cf-ray",
  "cf-visitor",
  "content-disposition",
  "content-language",
  "content-location",
  "content-range",
  "content-security-policy",
  "cross-origin-opener-policy",
  "cross-origin-resource-policy",
  "dnt",
  "if-match",
  "if-unmodified-since",
  "permissions-policy",
  "priority",
  "referrer-policy",
  "sec-ch-ua",
  "sec-ch-ua-mobile",
  "sec-ch-ua-platform",
  "sec-fetch-dest",
  "sec-fetch-mode",
  "sec-fetch-site",
  "sec-fetch-user",
  "sec-gpc",
  "server-timing",
  "strict-transport-security",
  "upgrade-insecure-requests",
  "www-authenticate",
  "x-cache",
  "x-content-type-options",
  "x-correlation-id",
  "x-csrf-token",
  "x-dns-prefetch-control",
  "x-download-options",
  "x-frame-options",
  "x-permitted-cross-domain-policies",
  "x-powered-by",
  "x-requested-with",
  "x-response-time",
  "x-runtime",
  "x-xss-protection",
] as const;

/** So many bytes from the beginning of a name on must be readable, whatever they are. */
export const MATCH_WINDOW = 36;

/** What is recognised: index 0 is nothing. Two letters and a colon are too few to choose by. */
export const MATCHED_NAMES: readonly string[] = [
  "",
  ...HEADER_NAMES.filter((name) => name.length >= 3),
  ...COMMON_NAMES,
];

/** By index: the name's id and its length. */
export const MATCHED_IDS: Uint8Array = Uint8Array.from(MATCHED_NAMES, headerIdOf);
export const MATCHED_LENGTHS: Uint8Array = Uint8Array.from(MATCHED_NAMES, (name) => name.length);

/** Words of each name with its colon. */
const STRIDE = MATCH_WINDOW / 4;
const WORDS = new Int32Array(MATCHED_NAMES.length * STRIDE);
/** The bits of each word that have to be the same: not the case of letters, and nothing behind the colon. */
const CARE = new Int32Array(WORDS.length);
const LENGTHS = MATCHED_LENGTHS;

/** From this place on a second word is read, where names that begin alike differ most. */
const SECOND = 8;
const ANY_CASE = 0x20202020;

/** The bucket of a name by its first word: 8 bits. */
function bucketOf(first: number): number {
  return Math.imul(first | ANY_CASE, 0x9e3779b1) >>> 24;
}

/** By the second word: 4 bits. */
function slotOf(second: number): number {
  return Math.imul(second | ANY_CASE, 0x85ebca6b) >>> 28;
}

const BUCKETS = 256;
const SLOTS = 16;
/** By bucket: where its slots begin in `SLOT`, and which bits of `slotOf` count: none where one name begins so. */
const BUCKET_AT = new Uint16Array(BUCKETS);
const BUCKET_MASK = new Uint8Array(BUCKETS);
/** By slot: where its candidates begin. Candidates: indices of names, each list with a 0 behind it; an empty one is at 0. */
const { slots: SLOT, candidates: CANDIDATES } = fillTables();

function fillTables(): { slots: Uint16Array; candidates: Uint8Array } {
  const buckets: number[][] = Array.from({ length: BUCKETS }, () => []);
  for (const [index, name] of MATCHED_NAMES.entries()) {
    if (index === 0) continue;
    for (const [at, byte] of ascii(`${name}:`).entries()) {
      const shift = (at & 3) * 8;
      const letter = byte >= 0x61 && byte <= 0x7a;
      WORDS[index * STRIDE + (at >> 2)]! |= byte << shift;
      CARE[index * STRIDE + (at >> 2)]! |= (letter ? 0xdf : 0xff) << shift;
    }
    buckets[bucketOf(WORDS[index * STRIDE]!)]!.push(index);
  }
  const slots = [0];
  const candidates = [0];
  for (const [bucket, names] of buckets.entries()) {
    if (names.length === 0) continue;
    const mask = names.length === 1 ? 0 : SLOTS - 1;
    BUCKET_AT[bucket] = slots.length;
    BUCKET_MASK[bucket] = mask;
    for (let slot = 0; slot <= mask; slot++) {
      const possible = names.filter((index) => mayStandIn(slot, mask, index));
      slots.push(possible.length === 0 ? 0 : candidates.length);
      if (possible.length > 0) candidates.push(...possible, 0);
    }
  }
  return { slots: Uint16Array.from(slots), candidates: Uint8Array.from(candidates) };
}

/** A name that ends before its second word does may be followed by anything: it is in every slot. */
function mayStandIn(slot: number, mask: number, index: number): boolean {
  if (LENGTHS[index]! < SECOND + 3) return true;
  return (slotOf(WORDS[index * STRIDE + SECOND / 4]!) & mask) === slot;
}

/**
 * The index in `MATCHED_NAMES` of the name that stands at `at`, in any case, with a colon behind it; 0 if it is none
 * of these.
 */
export function matchName(view: DataView, at: number): number {
  const first = view.getInt32(at, true);
  const third = view.getInt32(at + 8, true);
  const bucket = bucketOf(first);
  let next = SLOT[BUCKET_AT[bucket]! + (slotOf(third) & BUCKET_MASK[bucket]!)]!;
  let index = CANDIDATES[next]!;
  if (index === 0) return 0;
  const second = view.getInt32(at + 4, true);
  const fourth = view.getInt32(at + 12, true);
  for (; index !== 0; index = CANDIDATES[++next]!) {
    const word = index * STRIDE;
    const differs =
      ((first ^ WORDS[word]!) & CARE[word]!) |
      ((second ^ WORDS[word + 1]!) & CARE[word + 1]!) |
      ((third ^ WORDS[word + 2]!) & CARE[word + 2]!) |
      ((fourth ^ WORDS[word + 3]!) & CARE[word + 3]!);
    if (differs === 0 && (LENGTHS[index]! < 16 || sameRest(view, at, index))) return index;
  }
  return 0;
}

function sameRest(view: DataView, at: number, index: number): boolean {
  const word = index * STRIDE;
  let differs = 0;
  for (let i = 4; i * 4 <= LENGTHS[index]!; i++) {
    differs |= (view.getInt32(at + i * 4, true) ^ WORDS[word + i]!) & CARE[word + i]!;
  }
  return differs === 0;
}
