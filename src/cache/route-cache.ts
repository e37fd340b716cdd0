/** The cache as one route uses it: what is found for a request, and what has to be done for want of it. */

import { HEADER } from "#core/http/header-names.ts";
import { HeaderList } from "#core/http/header-list.ts";
import { type RequestHead, ResponseHead } from "#core/http/message.ts";
import { isSafe } from "#core/http/methods.ts";
import { StoredAnswer } from "./answer.ts";
import type { Cache } from "./cache.ts";
import { type EntryTerms, readHead, readTerms, readText } from "./entry.ts";
import { Fill, type FillRoute } from "./fill.ts";
import { type Directives, NO_DIRECTIVES } from "./http/directives.ts";
import { type Reuse, currentAge, requestDirectives, reuse } from "./http/reuse.ts";
import type { CacheReport, Forwarded } from "./http/status-field.ts";
import { variantOf } from "./http/vary.ts";
import { type CacheKey, keyOf } from "./key.ts";
import { AT, NUMBER, STATE } from "./memory/layout.ts";
import type { Shard } from "./memory/shard.ts";
import type { Pin } from "./memory/store.ts";
import type { CacheOptions } from "./options.ts";
import { Passed } from "./passed.ts";
import { Waiting } from "./waiting.ts";

/** A request as it is about to be sent. */
export interface CacheSubject {
  readonly request: RequestHead;
  readonly scheme: string;
  readonly plan: { readonly target: string; readonly host: string };
}

/** What a lookup comes to. */
export type Lookup =
  /** The backend is asked as if there were no cache. */
  | { readonly kind: "pass"; readonly pass: Passed }
  /** It is in the store; `refresh`: and has to be renewed, while nobody waits. */
  | { readonly kind: "answer"; readonly answer: StoredAnswer; readonly refresh: Fill | null }
  | { readonly kind: "fill"; readonly fill: Fill }
  /** Somebody else is about to get it. */
  | { readonly kind: "wait"; readonly wait: Waiting }
  /** It may come from a cache alone, and is in none: 504. */
  | { readonly kind: "absent" };

/** Rounds of waiting after which a request goes its own way. */
const MOST_ROUNDS = 3;

/** After the backend has failed, a stored answer is used as it is for so long before it is asked again, milliseconds. */
const PAUSE_AFTER_FAILURE = 1000;

/** What is sought: where, and why the backend would be asked. */
interface Wanted {
  readonly subject: CacheSubject;
  readonly directives: Directives;
  readonly key: CacheKey;
  readonly hash: number;
  readonly round: number;
  readonly now: number;
}

/** See the head of this file. */
export class RouteCache implements FillRoute {
  readonly cache: Cache;
  readonly options: CacheOptions;
  readonly #identity: string;
  /** Names by which every answer of the route varies: the fields and cookies of the key. */
  readonly #keyNames: readonly string[];

  /** @param identity of the route: what it does, so that another that does the same as before finds what it stored */
  constructor(cache: Cache, options: CacheOptions, identity: string) {
    this.cache = cache;
    this.options = options;
    this.#identity = identity;
    this.#keyNames = [...options.headers, ...options.cookies.map((name) => `cookie;${name}`)];
  }

  /** @param round 0, and one more each time after having waited */
  lookup(subject: CacheSubject, round: number): Lookup {
    const { request, plan } = subject;
    const scheme = request.headers.get("x-forwarded-proto") ?? subject.scheme;
    const bypass = this.#bypass(request);
    if (bypass !== null) {
      const { authority, target } = request;
      const changed = isSafe(request.method) ? null : { scheme, authority, target };
      return { kind: "pass", pass: new Passed(this.cache, bypass, changed, this.options.query) };
    }
    const honours = !this.options.ignore.includes("request");
    const directives = honours ? requestDirectives(request.headers) : NO_DIRECTIVES;
    if (directives.noStore) return this.#pass("request", "no-store");
    const key = keyOf(request, scheme, this.#identity, plan.target, plan.host, this.options);
    const { store } = this.cache;
    const hash = store.hash(key.text.slice(0, key.urlLength));
    const wanted: Wanted = { subject, directives, key, hash, round, now: this.cache.wall() };
    const shard = store.shardOf(hash);
    if (!shard.lock()) return this.#pass("bypass", "busy");
    let entry = 0;
    let spec = "";
    let generation = 0;
    try {
      entry = shard.find(key.text, hash);
      if (entry === 0 || shard.get(entry, AT.STATE) !== STATE.SPEC) {
        return this.#judge(shard, entry, wanted, key.text, hash, "uri-miss");
      }
      spec = readText(shard, entry);
      generation = shard.get(entry, AT.GENERATION);
      shard.touch(entry);
    } finally {
      shard.unlock();
    }
    return this.#lookupVariant(wanted, spec, generation);
  }

  #lookupVariant(wanted: Wanted, spec: string, generation: number): Lookup {
    const { key, subject } = wanted;
    const { store } = this.cache;
    const text = this.variantKey(key, generation, subject.request.headers, spec.split("\n"));
    const hash = store.hash(text);
    const shard = store.shardOf(hash);
    if (!shard.lock()) return this.#pass("bypass", "busy");
    try {
      return this.#judge(shard, shard.find(text, hash), wanted, text, hash, "vary-miss");
    } finally {
      shard.unlock();
    }
  }

  /** Requests that the cache has nothing to do with. */
  #bypass({ method, framing, upgrade, headers }: RequestHead): CacheReport | null {
    if (method !== "GET" && method !== "HEAD") return { forwarded: "method" };
    // A body is not part of the key: what it asks for is nobody else's answer.
    if (framing !== "none") return { forwarded: "bypass", detail: "body" };
    if (upgrade !== "") return { forwarded: "bypass", detail: "upgrade" };
    if (headers.has("if-match") || headers.has("if-unmodified-since")) {
      return { forwarded: "request", detail: "precondition" };
    }
    return null;
  }

  #pass(forwarded: Forwarded, detail?: string): Lookup {
    const report = detail === undefined ? { forwarded } : { forwarded, detail };
    return { kind: "pass", pass: new Passed(this.cache, report) };
  }

  // ── under the lock of the shard that the key belongs to ────────────────────────────────────────────

  #judge(
    shard: Shard,
    entry: number,
    wanted: Wanted,
    text: string,
    hash: number,
    miss: Forwarded,
  ): Lookup {
    if (entry === 0) return this.#miss(shard, wanted, text, hash, miss);
    switch (shard.get(entry, AT.STATE)) {
      case STATE.MARKER:
        if (wanted.now < shard.number(entry, NUMBER.FAILED_AT)) {
          return this.#leave(wanted, miss, "unstorable");
        }
        shard.unlink(entry);
        return this.#miss(shard, wanted, text, hash, miss);
      case STATE.FILLING:
        return this.#wait(shard, entry, wanted, miss, () => {
          return shard.load(entry, AT.STATE) !== STATE.FILLING;
        });
      case STATE.OPEN:
      case STATE.COMPLETE:
        return this.#use(shard, entry, wanted, miss);
      default:
        return this.#leave(wanted, miss, "broken");
    }
  }

  /** Nothing is stored, and will not be by this request. */
  #leave({ directives }: Wanted, forwarded: Forwarded, detail?: string): Lookup {
    return directives.onlyIfCached ? { kind: "absent" } : this.#pass(forwarded, detail);
  }

  #miss(shard: Shard, wanted: Wanted, text: string, hash: number, miss: Forwarded): Lookup {
    const { request } = wanted.subject;
    const { store } = this.cache;
    if (wanted.directives.onlyIfCached) return { kind: "absent" };
    if (request.method === "HEAD") return this.#pass(miss, "head");
    // Rather the part that is wanted now than all of what may be large.
    if (request.headers.indexOf(HEADER.range) >= 0) return this.#pass(miss, "range");
    store.count("misses");
    const entry = shard.create(text, wanted.key.urlLength, hash, STATE.FILLING);
    if (entry === 0) return this.#pass(miss, "no-memory");
    const own = store.pin(shard, entry);
    if (own === null) {
      shard.free(entry);
      return this.#pass(miss, "no-memory");
    }
    shard.set(entry, AT.OWNER, store.row + 1);
    shard.link(entry);
    return { kind: "fill", fill: this.#fill(wanted, own, null, null, null, miss) };
  }

  #fill(
    { key, hash, subject }: Wanted,
    own: Pin | null,
    base: Pin | null,
    baseFields: HeaderList | null,
    baseTerms: EntryTerms | null,
    forwarded: Forwarded,
  ): Fill {
    const { request } = subject;
    return new Fill(this, { key, hash, own, base, baseFields, baseTerms, forwarded, request });
  }

  #wait(
    shard: Shard,
    entry: number,
    wanted: Wanted,
    miss: Forwarded,
    isOver: () => boolean,
  ): Lookup {
    const isPatient = wanted.round < MOST_ROUNDS && wanted.subject.request.method !== "HEAD";
    if (!isPatient || wanted.directives.onlyIfCached)
      return this.#leave(wanted, miss, "collapsing");
    const pin = this.cache.store.pin(shard, entry);
    if (pin === null) return this.#pass(miss, "no-memory");
    const gone = (): boolean => shard.load(entry, AT.LINKED) === 0;
    return {
      kind: "wait",
      wait: new Waiting(this.cache, pin, () => isOver() || gone() || this.cache.abandoned),
    };
  }

  #use(shard: Shard, entry: number, wanted: Wanted, miss: Forwarded): Lookup {
    const { store } = this.cache;
    const terms = readTerms(shard, entry);
    const how = reuse(terms, wanted.directives, wanted.now);
    const ttl = terms.lifetime - currentAge(terms, wanted.now);
    const collapsed = wanted.round > 0;
    shard.touch(entry);
    if (how === "fresh" || how === "stale") {
      store.count(how === "fresh" ? (collapsed ? "collapsed" : "hits") : "staleHits");
      const report: CacheReport = collapsed
        ? { forwarded: miss, collapsed, ttl }
        : { forwarded: null, ttl };
      return this.#hit(shard, entry, wanted, report, terms, null);
    }
    if (how === "background") {
      store.count("staleHits");
      const fill = this.#claim(shard, entry, wanted, terms, "stale");
      const report: CacheReport = { forwarded: null, ttl, detail: "stale-while-revalidate" };
      return this.#hit(shard, entry, wanted, report, terms, fill);
    }
    return this.#validate(shard, entry, wanted, terms, how);
  }

  #validate(shard: Shard, entry: number, wanted: Wanted, terms: EntryTerms, how: Reuse): Lookup {
    const { store } = this.cache;
    const { directives, now, round, subject } = wanted;
    const forwarded = how === "stale-validate" ? "stale" : "request";
    const staleFor = currentAge(terms, now) - terms.lifetime;
    const hasFailed = now - terms.failedAt < PAUSE_AFTER_FAILURE;
    if (forwarded === "stale" && hasFailed && staleFor < terms.staleIfError && !terms.noCache) {
      store.count("staleHits");
      const report: CacheReport = { forwarded: null, ttl: -staleFor, detail: "stale-if-error" };
      return this.#hit(shard, entry, wanted, report, terms, null);
    }
    if (directives.onlyIfCached) return { kind: "absent" };
    // Whoever has waited for this, and may not use it, does not make others wait again.
    if (
      round > 0 ||
      subject.request.method === "HEAD" ||
      shard.get(entry, AT.STATE) === STATE.OPEN
    ) {
      return this.#pass(forwarded);
    }
    if (shard.get(entry, AT.OWNER) !== 0) {
      return this.#wait(shard, entry, wanted, forwarded, () => shard.load(entry, AT.OWNER) === 0);
    }
    const fill = this.#claim(shard, entry, wanted, terms, forwarded);
    if (fill === null) return this.#pass(forwarded, "no-memory");
    store.count("misses");
    return { kind: "fill", fill };
  }

  /** Makes this thread the one that asks about a stored answer; null if another does, or it cannot. */
  #claim(
    shard: Shard,
    entry: number,
    wanted: Wanted,
    terms: EntryTerms,
    forwarded: Forwarded,
  ): Fill | null {
    const { store } = this.cache;
    if (shard.get(entry, AT.OWNER) !== 0) return null;
    const base = store.pin(shard, entry);
    if (base === null) return null;
    shard.set(entry, AT.OWNER, store.row + 1);
    const fields = new HeaderList();
    readHead(shard, entry, fields);
    return this.#fill(wanted, null, base, fields, terms, forwarded);
  }

  #hit(
    shard: Shard,
    entry: number,
    { subject, now }: Wanted,
    report: CacheReport,
    terms: EntryTerms,
    refresh: Fill | null,
  ): Lookup {
    const pin = this.cache.store.pin(shard, entry);
    if (pin === null) {
      refresh?.close();
      return this.#pass("bypass", "no-memory");
    }
    const answer = this.#answer(shard, pin, subject.request, report, terms, now);
    return { kind: "answer", answer, refresh };
  }

  #answer(
    shard: Shard,
    pin: Pin,
    request: RequestHead,
    report: CacheReport,
    terms: EntryTerms,
    now: number,
  ): StoredAnswer {
    const { cache } = this;
    const head = new ResponseHead();
    head.status = shard.get(pin.entry, AT.STATUS);
    readHead(shard, pin.entry, head.headers);
    const length = shard.get(pin.entry, AT.LENGTH);
    const age = currentAge(terms, now);
    return new StoredAnswer(cache, { pin, head, length }, request, age, now, report);
  }

  // ── for fills ───────────────────────────────────────────────────────────────────────────────────────

  answerOf(held: Pin, request: RequestHead, report: CacheReport): StoredAnswer | null {
    const { shard, entry } = held;
    let answer: StoredAnswer | null = null;
    this.cache.store.insist(shard, () => {
      const pin = this.cache.store.pin(shard, entry);
      if (pin === null) return;
      const terms = readTerms(shard, entry);
      answer = this.#answer(shard, pin, request, report, terms, this.cache.wall());
    });
    return answer;
  }

  namesOf(vary: readonly string[]): readonly string[] {
    if (this.#keyNames.length === 0) return vary;
    return [...new Set([...this.#keyNames, ...vary])].sort();
  }

  variantKey(
    key: CacheKey,
    generation: number,
    headers: HeaderList,
    names: readonly string[],
  ): string {
    return `${key.text}\n\n${generation}\n${variantOf(headers, names)}`;
  }
}
