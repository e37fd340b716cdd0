/**
 * A fill: the backend is asked for an answer that may be stored, or whether a stored one is still good. One thread
 * runs it; its entry is in the index from the beginning, so that others with the same wish wait for it.
 */

import type { HeaderList } from "#core/http/header-list.ts";
import { type RequestHead, ResponseHead } from "#core/http/message.ts";
import type { StoredAnswer } from "./answer.ts";
import type { EntryTerms } from "./entry.ts";
import { readText, writeHead, writeTerms, writeText } from "./entry.ts";
import { currentAge } from "./http/reuse.ts";
import { type CacheReport, type Forwarded, addCacheStatus } from "./http/status-field.ts";
import { type Terms, type Unstorable, storability } from "./http/storable.ts";
import {
  dropOwnFields,
  renewedFields,
  storedFields,
  tagsOf,
  withheldFields,
} from "./http/update.ts";
import { makeConditional, makeUnconditional } from "./http/validators.ts";
import { varyNames } from "./http/vary.ts";
import { AT, NUMBER, STATE } from "./memory/layout.ts";
import type { Shard } from "./memory/shard.ts";
import type { Pin } from "./memory/store.ts";
import type { CacheKey } from "./key.ts";
import type { Cache } from "./cache.ts";
import type { CacheOptions } from "./options.ts";
import { BodyWriter } from "./body-writer.ts";

/** How long it is remembered that an answer could not be stored, or that the backend failed, milliseconds. */
const UNSTORABLE_FOR = 5000;
const FAILED_FOR = 1000;

/** Statuses that `stale-if-error` speaks of (RFC 5861 §4). */
const ERRORS: ReadonlySet<number> = new Set([500, 502, 503, 504]);

/** What a fill asks of the route that it is for. */
export interface FillRoute {
  readonly cache: Cache;
  readonly options: CacheOptions;
  /** By what answers with this `Vary` differ here. */
  namesOf(vary: readonly string[]): readonly string[];
  /** The key of the variant that is meant for a request. */
  variantKey(
    key: CacheKey,
    generation: number,
    headers: HeaderList,
    names: readonly string[],
  ): string;
  /** An answer of an entry that is pinned; null if too many are. */
  answerOf(held: Pin, request: RequestHead, report: CacheReport): StoredAnswer | null;
}

/** What becomes of the backend's answer. */
export type FillVerdict =
  /** It is stored, and those who wait read it from the store: `answer`. */
  | "stored"
  /** It is for the one who asked, as it comes. `live` adds what the client is told. */
  | "live"
  /** What was stored is the answer: it is still good, or the backend's is an error. The rest of it is of no use. */
  | "kept";

/** Where a fill begins: what has been found, and is pinned. */
export interface FillStart {
  readonly key: CacheKey;
  /** Of `key.text`. */
  readonly hash: number;
  /** Its own entry, that others wait for; null where a stored answer is asked about. */
  readonly own: Pin | null;
  /** The stored answer that is asked about. */
  readonly base: Pin | null;
  /** Its fields and terms. */
  readonly baseFields: HeaderList | null;
  readonly baseTerms: EntryTerms | null;
  readonly forwarded: Forwarded;
  /** The request as it is sent, apart from conditions; valid until the head of the answer has come. */
  readonly request: RequestHead;
}

/** See the head of this file. */
export class Fill {
  readonly #route: FillRoute;
  readonly #start: FillStart;
  readonly #requestTime: number;
  #own: Pin | null;
  #base: Pin | null;
  /** What the client is told, once the head is there. */
  #report: CacheReport | null = null;
  /** Fields for the one who asked alone. */
  #withheld: readonly (readonly [name: string, value: string])[] = [];
  /** Adds to the body of the own entry, as long as that is stored. */
  #writer: BodyWriter | null = null;
  #writing = false;

  constructor(route: FillRoute, start: FillStart) {
    this.#route = route;
    this.#start = start;
    this.#own = start.own;
    this.#base = start.base;
    this.#requestTime = route.cache.wall();
  }

  /** Makes the request of the fill the one to be sent: for the whole, or with the conditions of what is stored. */
  prepare(headers: HeaderList): void {
    makeUnconditional(headers);
    const { baseFields } = this.#start;
    if (baseFields !== null) makeConditional(headers, baseFields);
  }

  // ── the head ────────────────────────────────────────────────────────────────────────────────────────

  /** The backend has answered. */
  head(request: RequestHead, head: ResponseHead): FillVerdict {
    const verdict = this.#judge(request, head);
    this.#route.cache.settle();
    return verdict;
  }

  #judge(request: RequestHead, head: ResponseHead): FillVerdict {
    const now = this.#route.cache.wall();
    if (this.#base !== null && head.status === 304) {
      if (this.#renew(request, head, now)) return "kept";
      return this.#refuse(head.status, "no-memory");
    }
    if (ERRORS.has(head.status) && this.#keepsStale(now)) {
      this.#report = { forwarded: "stale", status: head.status, detail: "stale-if-error" };
      this.#leaveBase(now);
      return "kept";
    }
    const { options } = this.#route;
    const judged = storability(request, head, options, this.#requestTime, now);
    if (!judged.ok) return this.#refuse(head.status, judged.reason);
    const limit = Math.min(options.maxObject, this.#route.cache.store.largest);
    if (head.contentLength > limit) return this.#refuse(head.status, "too-large");
    const names = varyNames(head.headers);
    if (names === null) return this.#refuse(head.status, "vary");
    if (!this.#publish(request, head, judged.terms, this.#route.namesOf(names))) {
      return this.#refuse(head.status, "no-memory");
    }
    this.#writing = true;
    this.#writer = new BodyWriter(this.#own!, limit);
    this.#withheld = withheldFields(head.headers, judged.terms.withheld);
    this.#report = {
      forwarded: this.#start.forwarded,
      status: head.status,
      stored: true,
      ttl: judged.terms.lifetime - judged.terms.initialAge,
    };
    return "stored";
  }

  /** Adds to the head of a live answer what the client is told of the cache. */
  annotate(head: ResponseHead): void {
    dropOwnFields(head.headers);
    addCacheStatus(head.headers, this.#told());
  }

  #told(): CacheReport {
    return this.#report ?? { forwarded: this.#start.forwarded };
  }

  /** The answer for the request of the one who asked, from the store: after "stored" and "kept". Null if it is not there any more. */
  answer(request: RequestHead): StoredAnswer | null {
    const pin = this.#own ?? this.#base;
    const answer = pin === null ? null : this.#route.answerOf(pin, request, this.#told());
    if (answer !== null) {
      for (const [name, value] of this.#withheld) answer.head.headers.appendUnchecked(name, value);
    }
    return answer;
  }

  /** The stored answer in the place of one that did not come, if it may be used so; else null. */
  staleAnswer(request: RequestHead): StoredAnswer | null {
    if (!this.#keepsStale(this.#route.cache.wall())) return null;
    const report: CacheReport = { forwarded: "stale", detail: "stale-if-error" };
    return this.#route.answerOf(this.#base!, request, report);
  }

  #keepsStale(now: number): boolean {
    const { baseTerms } = this.#start;
    if (this.#base === null || baseTerms === null || baseTerms.mustRevalidate) return false;
    return currentAge(baseTerms, now) - baseTerms.lifetime < baseTerms.staleIfError;
  }

  // ── what was stored is still good ───────────────────────────────────────────────────────────────────

  #renew(request: RequestHead, head: ResponseHead, now: number): boolean {
    const { shard, entry } = this.#base!;
    const fields = renewedFields(this.#start.baseFields!, head.headers);
    const whole = new ResponseHead();
    whole.status = shard.get(entry, AT.STATUS);
    whole.headers.copyFrom(fields);
    const age = head.headers.get("age");
    if (age !== undefined) whole.headers.appendUnchecked("Age", age);
    const { options } = this.#route;
    const judged = storability(request, whole, options, this.#requestTime, now);
    if (!shard.lock()) return false;
    const stored = judged.ok && writeHead(shard, entry, fields, tagsOf(head.headers));
    if (stored) writeTerms(shard, entry, judged.terms, fields);
    else shard.unlink(entry);
    shard.set(entry, AT.OWNER, 0);
    shard.wake(entry);
    shard.unlock();
    this.#report = {
      forwarded: this.#start.forwarded,
      status: 304,
      ...(stored ? { stored, ttl: judged.terms.lifetime - judged.terms.initialAge } : {}),
    };
    this.#route.cache.store.count("revalidated");
    return true;
  }

  /** What was stored stays as it is: the backend had nothing better. */
  #leaveBase(now: number): void {
    const { shard, entry } = this.#base!;
    this.#locked(shard, () => {
      shard.setNumber(entry, NUMBER.FAILED_AT, now);
      shard.set(entry, AT.OWNER, 0);
      shard.wake(entry);
    });
  }

  // ── it is not stored ────────────────────────────────────────────────────────────────────────────────

  #refuse(status: number, reason: Unstorable): FillVerdict {
    const { store, wall } = this.#route.cache;
    store.count("unstorable");
    this.#report = { forwarded: this.#start.forwarded, status, detail: reason };
    const isError = status >= 500;
    this.#mark(wall() + (isError ? FAILED_FOR : UNSTORABLE_FOR));
    if (this.#base !== null) {
      if (isError) this.#leaveBase(wall());
      else this.#dropBase();
    }
    return "live";
  }

  /** Those who wait are let go all at once: there will be nothing for them here. */
  #mark(until: number): void {
    const own = this.#own;
    if (own === null) return;
    this.#own = null;
    const { shard, entry } = own;
    this.#locked(shard, () => {
      shard.setNumber(entry, NUMBER.FAILED_AT, until);
      shard.set(entry, AT.OWNER, 0);
      Atomics.store(shard.words, shard.at(entry, AT.STATE), STATE.MARKER);
      shard.wake(entry);
    });
    this.#route.cache.store.unpin(own);
  }

  #dropBase(): void {
    const { shard, entry } = this.#base!;
    this.#locked(shard, () => {
      shard.set(entry, AT.OWNER, 0);
      shard.unlink(entry);
      shard.wake(entry);
    });
  }

  // ── it is stored ────────────────────────────────────────────────────────────────────────────────────

  #publish(
    request: RequestHead,
    head: ResponseHead,
    terms: Terms,
    names: readonly string[],
  ): boolean {
    const { store } = this.#route.cache;
    const { key, hash } = this.#start;
    const found = this.#own ?? this.#base;
    // What has been purged meanwhile must not come back by an answer that was asked for before.
    const isCurrent = found !== null && found.shard.load(found.entry, AT.LINKED) === 1;
    let text = key.text;
    let place = hash;
    if (names.length > 0) {
      const variant = this.#specify(key, hash, names, isCurrent);
      if (variant === null) return false;
      text = this.#route.variantKey(key, variant, request.headers, names);
      place = store.hash(text);
    }
    const shard = store.shardOf(place);
    const fields = storedFields(head.headers, terms.withheld);
    let pin: Pin | null = null;
    let wasted: Pin | null = null;
    if (!shard.lock()) return false;
    try {
      const own = this.#own;
      const inPlace = own !== null && own.shard === shard && shard.hasKey(own.entry, text);
      if (inPlace) pin = own;
      else {
        const entry = shard.create(text, key.urlLength, place, STATE.FILLING);
        pin = entry === 0 ? null : store.pin(shard, entry);
        if (pin === null && entry !== 0) shard.free(entry);
      }
      if (pin === null) return false;
      if (!writeHead(shard, pin.entry, fields, tagsOf(head.headers))) {
        if (!inPlace) wasted = pin;
        return false;
      }
      this.#open(shard, pin.entry, head, terms, fields);
      if (!inPlace) {
        const former = shard.find(text, place);
        if (former !== 0 && isCurrent) shard.unlink(former);
        if (isCurrent) shard.link(pin.entry);
        // Nobody will find it; without the index's pin it goes when the fill and its readers are through.
        else Atomics.sub(shard.words, shard.at(pin.entry, AT.PINS), 1);
      }
      shard.wake(pin.entry);
    } finally {
      shard.unlock();
      if (wasted !== null) this.#discard(wasted);
    }
    if (pin !== this.#own) this.#moveTo(pin);
    return true;
  }

  #open(shard: Shard, entry: number, head: ResponseHead, terms: Terms, fields: HeaderList): void {
    shard.set(entry, AT.STATUS, head.status);
    shard.set(entry, AT.LENGTH, head.framing === "none" ? 0 : head.contentLength);
    shard.set(entry, AT.OWNER, this.#route.cache.store.row + 1);
    writeTerms(shard, entry, terms, fields);
    Atomics.store(shard.words, shard.at(entry, AT.STATE), STATE.OPEN);
  }

  /** The entry never was anybody's: the pin for the index goes with this thread's own. */
  #discard(pin: Pin): void {
    Atomics.sub(pin.shard.words, pin.shard.at(pin.entry, AT.PINS), 1);
    this.#route.cache.store.unpin(pin);
  }

  /** The answer is kept under another key than was waited for, or in the place of what was asked about. */
  #moveTo(pin: Pin): void {
    const own = this.#own;
    this.#own = pin;
    if (own !== null) {
      const { shard, entry } = own;
      this.#locked(shard, () => {
        shard.set(entry, AT.OWNER, 0);
        Atomics.store(shard.words, shard.at(entry, AT.STATE), STATE.BROKEN);
        shard.unlink(entry);
        shard.wake(entry);
      });
      this.#route.cache.store.unpin(own);
    }
    if (this.#base !== null) this.#dropBase();
  }

  /** Says that the answers of the key vary by these names. @returns the generation of that; null if it cannot be said */
  #specify(
    key: CacheKey,
    hash: number,
    names: readonly string[],
    isCurrent: boolean,
  ): number | null {
    const { store } = this.#route.cache;
    const shard = store.shardOf(hash);
    const text = names.join("\n");
    if (!isCurrent) return 0;
    if (!shard.lock()) return null;
    try {
      const found = shard.find(key.text, hash);
      if (
        found !== 0 &&
        shard.get(found, AT.STATE) === STATE.SPEC &&
        readText(shard, found) === text
      ) {
        // One that is renewed has been counted.
        const variants = shard.get(found, AT.VARIANTS) + (this.#base === null ? 1 : 0);
        const isFull = variants > this.#route.options.variants;
        // With another generation none of the variants is found any more; they go when memory is wanted.
        if (isFull) shard.set(found, AT.GENERATION, shard.nextGeneration());
        shard.set(found, AT.VARIANTS, isFull ? 1 : variants);
        return shard.get(found, AT.GENERATION);
      }
      const spec = shard.create(key.text, key.urlLength, hash, STATE.SPEC);
      if (spec === 0) return null;
      if (!writeText(shard, spec, text)) {
        shard.free(spec);
        return null;
      }
      shard.set(spec, AT.GENERATION, shard.nextGeneration());
      shard.set(spec, AT.VARIANTS, 1);
      // Looked for again: making room may have taken it.
      const former = shard.find(key.text, hash);
      if (former !== 0) shard.unlink(former);
      shard.link(spec);
      return shard.get(spec, AT.GENERATION);
    } finally {
      shard.unlock();
    }
  }

  // ── the body ────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Adds bytes of the body. False: it is not stored any more; these bytes and what follows are for the one who asked.
   * Others who read it get to know when the fill is closed, so that the one who asked can be prepared for it.
   */
  write(bytes: Uint8Array): boolean {
    if (!this.#writing) return false;
    if (!this.#writer!.write(bytes)) {
      this.#break();
      return false;
    }
    this.#route.cache.settle();
    return true;
  }

  /** All of the answer is there. */
  end(): void {
    const { cache } = this.#route;
    if (this.#writing) {
      this.#writing = false;
      const { shard, entry } = this.#own!;
      this.#locked(shard, () => {
        this.#writer!.finish();
        shard.set(entry, AT.OWNER, 0);
      });
      Atomics.store(shard.words, shard.at(entry, AT.STATE), STATE.COMPLETE);
      shard.wake(entry);
      cache.store.count("stored");
    }
    this.close();
    cache.settle();
  }

  /** There will be no answer, or no more of it. */
  fail(): void {
    const { cache } = this.#route;
    cache.store.count("failed");
    if (this.#writing) this.#break();
    else if (this.#report === null) {
      this.#mark(cache.wall() + FAILED_FOR);
      if (this.#base !== null) this.#leaveBase(cache.wall());
    }
    cache.settle();
  }

  /** Nothing is asked of it any more. Harmless a second time. */
  close(): void {
    const { store } = this.#route.cache;
    if (this.#writing) this.#break();
    if (this.#own !== null) store.unpin(this.#own);
    if (this.#base !== null) store.unpin(this.#base);
    this.#own = this.#base = null;
    this.#route.cache.settle();
  }

  /** Readers see that the body will not be complete, and nobody finds it any more. */
  #break(): void {
    this.#writing = false;
    const { shard, entry } = this.#own!;
    Atomics.store(shard.words, shard.at(entry, AT.STATE), STATE.BROKEN);
    shard.wake(entry);
    this.#locked(shard, () => {
      shard.set(entry, AT.OWNER, 0);
      shard.unlink(entry);
    });
  }

  /** What has to be done under a lock, however long it takes: a state that others rely on. */
  #locked(shard: Shard, act: () => void): void {
    this.#route.cache.store.insist(shard, act);
  }
}
