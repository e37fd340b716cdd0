/**
 * The conditions of a match besides host and path. The router and `sluice explain` run these very objects.
 */

import { CidrSet } from "#core/collections/cidr.ts";
import { headerIdOf, UNKNOWN_HEADER } from "#core/http/header-names.ts";
import type { RequestHead } from "#core/http/message.ts";
import type { HeaderPredicate, ParsedMatch, QueryPredicate } from "#model/match.ts";
import { ValueMatcher } from "./value-test.ts";

/** Something that has to hold of a request. */
export interface Condition {
  /** Part of the match that it was written as: `methods`, `headers.x-beta`, `query.page`, `clientIp`. */
  readonly part: string;
  holds(head: RequestHead, query: string, clientIp: string): boolean;
}

/** The conditions of a match, cheapest first. */
export function conditionsOf(match: ParsedMatch): readonly Condition[] {
  const conditions: Condition[] = [];
  if (match.methods.length > 0) conditions.push(new MethodCondition(match.methods));
  for (const predicate of match.headers) conditions.push(new HeaderCondition(predicate));
  for (const predicate of match.query) conditions.push(new QueryCondition(predicate));
  if (match.clientIp.length > 0) {
    conditions.push(new ClientCondition(match.clientIp.map((block) => block.text)));
  }
  return conditions;
}

class MethodCondition implements Condition {
  readonly part = "methods";
  readonly #methods: readonly string[];

  constructor(methods: readonly string[]) {
    this.#methods = methods;
  }

  holds(head: RequestHead): boolean {
    return this.#methods.includes(head.method);
  }
}

/** Several fields of one name are looked at one by one; it is enough that one of them passes. */
class HeaderCondition implements Condition {
  readonly part: string;
  readonly #name: string;
  readonly #id: number;
  readonly #test: ValueMatcher;

  constructor(predicate: HeaderPredicate) {
    this.part = `headers.${predicate.name}`;
    this.#name = predicate.name;
    this.#id = headerIdOf(predicate.name);
    this.#test = new ValueMatcher(predicate.test);
  }

  holds(head: RequestHead): boolean {
    const headers = head.headers;
    const test = this.#test;
    for (let i = this.#next(head, 0); i >= 0; i = this.#next(head, i + 1)) {
      if (test.wants === "any") return true;
      if (test.wants === "none") return false;
      if (test.acceptsField(headers, i)) return true;
    }
    return test.wants === "none";
  }

  #next(head: RequestHead, from: number): number {
    return this.#id === UNKNOWN_HEADER
      ? head.headers.indexOfName(this.#name, from)
      : head.headers.indexOf(this.#id, from);
  }
}

/** Names and values are compared after form decoding (`%20` and `+` are blanks). */
class QueryCondition implements Condition {
  readonly part: string;
  readonly #name: string;
  readonly #test: ValueMatcher;

  constructor(predicate: QueryPredicate) {
    this.part = `query.${predicate.name}`;
    this.#name = predicate.name;
    this.#test = new ValueMatcher(predicate.test);
  }

  holds(_head: RequestHead, query: string): boolean {
    const test = this.#test;
    for (let start = 0; start < query.length;) {
      const amp = query.indexOf("&", start);
      const end = amp < 0 ? query.length : amp;
      const equals = query.indexOf("=", start);
      const nameEnd = equals < 0 || equals > end ? end : equals;
      if (end > start && formDecode(query.slice(start, nameEnd)) === this.#name) {
        if (test.wants === "any") return true;
        if (test.wants === "none") return false;
        if (test.accepts(formDecode(query.slice(Math.min(nameEnd + 1, end), end)))) return true;
      }
      start = end + 1;
    }
    return test.wants === "none";
  }
}

class ClientCondition implements Condition {
  readonly part = "clientIp";
  readonly #blocks: CidrSet;

  constructor(blocks: readonly string[]) {
    this.#blocks = new CidrSet(blocks);
  }

  holds(_head: RequestHead, _query: string, clientIp: string): boolean {
    return this.#blocks.has(clientIp);
  }
}

/** A name or value of a query as text; left as it is where its escapes are not well-formed UTF-8. */
export function formDecode(text: string): string {
  if (!/[%+]/.test(text)) return text;
  const spaced = text.replaceAll("+", " ");
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}
