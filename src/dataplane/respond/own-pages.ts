/** The answers that the proxy makes itself, for the snapshot and the time as they are. */

import { type Failure, type FailureCode, failure } from "#core/errors.ts";
import { HeaderList } from "#core/http/header-list.ts";
import type { LocalResponse } from "#sdk/filter.ts";
import type { DataPlaneContext } from "../context.ts";
import type { Exchange } from "../exchange.ts";
import { challengeReply } from "./acme.ts";
import { httpsRedirect, plainHttpReply } from "./https.ts";
import { type LocalReply, failureReply, filterReply } from "./local-reply.ts";

const EMPTY_HEADERS: HeaderList = new HeaderList();

/** See the head of this file. */
export class OwnPages {
  readonly #context: DataPlaneContext;

  constructor(context: DataPlaneContext) {
    this.#context = context;
  }

  /** The page for a failure of an exchange. */
  failure(code: FailureCode, { requestId, request }: Exchange): LocalReply {
    return this.#failure(code, requestId, request.headers);
  }

  /** For connections that come when there are too many. */
  limit(): LocalReply {
    return this.#failure("connection_limit", "", EMPTY_HEADERS);
  }

  /** For those who speak plain HTTP where TLS is spoken. `url`: where they meant to go, as far as they said. */
  plainHttp(url: string): LocalReply {
    return plainHttpReply(url, this.#wall());
  }

  /** What a certificate authority gets that asks for a token; null: the request is none of these. */
  challenge({ request }: Exchange): LocalReply | null {
    const { challenges } = this.#context;
    return challenges.size === 0 ? null : challengeReply(request, challenges, this.#wall());
  }

  /** The redirect to https for what comes to the exchange's listener; null if it is served there. */
  redirect({ client, plan, snapshot }: Exchange): LocalReply | null {
    const listener = snapshot.listeners.get(client.listener);
    const port = (listener ?? this.#context.left.get(client.listener))?.redirectPort ?? null;
    return port === null ? null : httpsRedirect(plan.hostname, plan.target, port, this.#wall());
  }

  /** What a filter answers; the failure if that cannot be sent. */
  ofFilter(response: LocalResponse): LocalReply | Failure {
    try {
      return filterReply(response, this.#wall());
    } catch (error) {
      return failure("filter_failed", String(error));
    }
  }

  #failure(code: FailureCode, requestId: string, headers: HeaderList): LocalReply {
    const { instance } = this.#context.snapshot.data;
    return failureReply({ code, requestId, headers, instance, wall: this.#wall() });
  }

  #wall(): number {
    return this.#context.clock.wall();
  }
}
