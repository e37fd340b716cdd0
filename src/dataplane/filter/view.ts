/** An exchange as the filters of its route see it. */

import type { HeaderList } from "#core/http/header-list.ts";
import type { FilterContext, RequestView, ResponseView } from "#sdk/filter.ts";
import type { RequestHead, ResponseHead } from "#core/http/message.ts";
import type { Plan } from "../plan.ts";

/** What the view needs of an exchange; `explain` has no exchange but has these. */
export interface FilterSubject {
  readonly request: RequestHead;
  readonly plan: Plan;
  readonly scheme: string;
  readonly clientIp: string;
  readonly requestId: string;
  /** The head being answered with, once there is one. */
  readonly response: ResponseHead | null;
  /** The answer is the proxy's own. */
  readonly local: boolean;
}

// Visible ASCII, beginning with a slash: what may stand in a request line.
const TARGET = /^\/[!-~]*$/;

/** The request and the response of one exchange, behind the SDK's interfaces. */
export class ExchangeView implements RequestView {
  readonly #subject: FilterSubject;
  readonly #response: ResponseView;

  constructor(subject: FilterSubject) {
    this.#subject = subject;
    this.#response = new AnswerView(subject);
  }

  /** @throws Error before there is a response */
  get response(): ResponseView {
    if (this.#subject.response === null) throw new Error("there is no response yet in this hook");
    return this.#response;
  }

  get method(): string {
    return this.#subject.request.method;
  }
  get scheme(): string {
    return this.#subject.scheme;
  }
  get authority(): string {
    return this.#subject.request.authority;
  }
  get host(): string {
    return this.#subject.plan.host;
  }
  set host(host: string) {
    if (!/^[A-Za-z0-9._~\-[\]:]+$/.test(host)) {
      throw new TypeError(`${JSON.stringify(host)} cannot be sent as Host`);
    }
    this.#subject.plan.host = host;
  }
  get target(): string {
    return this.#subject.plan.target;
  }
  set target(target: string) {
    if (!TARGET.test(target) || target.includes("#")) {
      throw new TypeError(
        `${JSON.stringify(target)} is no request target: a path with an optional query`,
      );
    }
    this.#subject.plan.target = target;
  }
  get path(): string {
    return this.#subject.plan.path;
  }
  get query(): string {
    return this.#subject.plan.query;
  }
  get params(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#subject.plan.params);
  }
  get strippedPrefix(): string {
    return this.#subject.plan.strippedPrefix;
  }
  set strippedPrefix(prefix: string) {
    if (!/^[!-~]*$/.test(prefix)) {
      throw new TypeError(`${JSON.stringify(prefix)} cannot be sent as X-Forwarded-Prefix`);
    }
    this.#subject.plan.strippedPrefix = prefix;
  }
  get headers(): HeaderList {
    return this.#subject.request.headers;
  }
  own(name: string, values: readonly string[]): void {
    const folded = name.toLowerCase().replaceAll("_", "-");
    this.headers.deleteFolded(folded);
    this.#subject.plan.ownFields.push(folded);
    for (const value of values) this.headers.append(name, value);
  }
  get contentLength(): number {
    const { framing, contentLength } = this.#subject.request;
    return framing === "none" ? 0 : framing === "length" ? contentLength : -1;
  }
}

class AnswerView implements ResponseView {
  readonly #subject: FilterSubject;

  constructor(subject: FilterSubject) {
    this.#subject = subject;
  }
  get status(): number {
    return this.#subject.response!.status;
  }
  set status(status: number) {
    if (!Number.isInteger(status) || status < 200 || status > 599) {
      throw new TypeError(`${status} is no status of a final response: 200 to 599`);
    }
    this.#subject.response!.status = status;
    this.#subject.response!.reason = "";
  }
  get headers(): HeaderList {
    return this.#subject.response!.headers;
  }
  get local(): boolean {
    return this.#subject.local;
  }
}

/** What one filter gets in every hook of one exchange. */
export class HookContext implements FilterContext<unknown> {
  state: unknown;
  readonly route: string;
  readonly #view: ExchangeView;
  readonly #subject: FilterSubject;

  constructor(view: ExchangeView, subject: FilterSubject, route: string, state: unknown) {
    this.#view = view;
    this.#subject = subject;
    this.route = route;
    this.state = state;
  }
  get request(): RequestView {
    return this.#view;
  }
  get response(): ResponseView {
    return this.#view.response;
  }
  get clientIp(): string {
    return this.#subject.clientIp;
  }
  get requestId(): string {
    return this.#subject.requestId;
  }
}
