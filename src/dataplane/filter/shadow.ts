/** What a filter sees that only observes: copies of the heads, which it may change without anybody noticing. */

import { RequestHead, ResponseHead } from "#core/http/message.ts";
import type { HeaderList } from "#core/http/header-list.ts";
import { Plan } from "../plan.ts";
import type { FilterSubject } from "./view.ts";

/** See the head of this file. The copies are as the filter left them until they are taken anew. */
export class Shadow implements FilterSubject {
  readonly request: RequestHead = new RequestHead();
  readonly plan: Plan = new Plan();
  response: ResponseHead | null = null;
  readonly #of: FilterSubject;

  constructor(of: FilterSubject) {
    this.#of = of;
  }

  get scheme(): string {
    return this.#of.scheme;
  }
  get clientIp(): string {
    return this.#of.clientIp;
  }
  get requestId(): string {
    return this.#of.requestId;
  }
  get local(): boolean {
    return this.#of.local;
  }

  /** Copies the request as it is now. */
  takeRequest(): void {
    const { request, plan } = this.#of;
    const { headers, ...rest } = request;
    Object.assign(this.request, rest);
    this.request.headers.copyFrom(headers);
    const { params, ownFields: _, ...planned } = plan;
    Object.assign(this.plan, planned);
    this.plan.params.clear();
    for (const [name, value] of params) this.plan.params.set(name, value);
  }

  /** Copies the response as it is now. */
  takeResponse(): void {
    const { headers, ...rest } = this.#of.response!;
    this.response = Object.assign(new ResponseHead(), rest);
    this.response.headers.copyFrom(headers);
  }

  /** What is other than in the request itself: `target, x-user`; "" if nothing is. */
  requestChanges(): string {
    const { request, plan } = this.#of;
    const changes: string[] = [];
    if (this.request.method !== request.method) changes.push("method");
    if (this.plan.target !== plan.target) changes.push("target");
    if (this.plan.host !== plan.host) changes.push("host");
    return [...changes, ...differing(request.headers, this.request.headers)].join(", ");
  }

  /** The same for the response. */
  responseChanges(): string {
    const was = this.#of.response!;
    const changes = this.response!.status === was.status ? [] : ["status"];
    return [...changes, ...differing(was.headers, this.response!.headers)].join(", ");
  }
}

/** Names of the fields that two lists differ in, lower case. */
function differing(before: HeaderList, after: HeaderList): string[] {
  const names = new Set([...before, ...after].map(([name]) => name.toLowerCase()));
  return [...names].filter(
    (name) => before.getAll(name).join("\n") !== after.getAll(name).join("\n"),
  );
}
