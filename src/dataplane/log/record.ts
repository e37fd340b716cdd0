/** Stage 8: what the log and the metrics get to know of an exchange that has ended. */

import { HEADER } from "#core/http/header-names.ts";
import type { HeaderList } from "#core/http/header-list.ts";
import type { ExchangeRecord } from "#model/record.ts";
import type { Exchange } from "../exchange.ts";

/** The record of an exchange. `now` in monotonic milliseconds. */
export function recordOf(exchange: Exchange, now: number): ExchangeRecord {
  const { client, request, plan, endpoint } = exchange;
  const { startedAt } = client;
  return {
    startedWall: client.startedWall,
    requestId: exchange.requestId,
    clientIp: exchange.clientIp,
    method: request.method,
    scheme: client.scheme,
    host: request.authority,
    target: request.target,
    version: request.version,
    status: exchange.status,
    requestBytes: exchange.requestBytes,
    responseBytes: exchange.responseBytes,
    userAgent: text(request.headers, HEADER["user-agent"]),
    referer: text(request.headers, HEADER.referer),
    route: plan.route === null ? "" : plan.route.name,
    routeSlot: plan.route === null ? -1 : plan.route.slot,
    upstream: plan.route?.upstream?.name ?? "",
    endpoint: endpoint === null ? "" : endpoint.name,
    endpointSlot: endpoint === null ? -1 : endpoint.slot,
    attempts: exchange.attempts,
    queueMs: exchange.queueMs,
    connectMs: exchange.connectMs,
    firstByteMs: exchange.firstByteAt < 0 ? -1 : exchange.firstByteAt - startedAt,
    totalMs: now - startedAt,
    failure: exchange.failure,
    failureDetail: exchange.failureDetail,
    upgrade: exchange.upgrade,
  };
}

function text(headers: HeaderList, id: number): string {
  const index = headers.indexOf(id);
  return index < 0 ? "" : headers.valueAt(index);
}
