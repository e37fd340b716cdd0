/** Records for tests. */

import type { ExchangeRecord } from "#model/record.ts";

const PLAIN: ExchangeRecord = {
  startedWall: Date.UTC(2026, 1, 3, 4, 5, 6, 789),
  requestId: "7f3a9c",
  clientIp: "203.0.113.9",
  method: "GET",
  scheme: "http",
  host: "example.com",
  target: "/shop?page=2",
  version: 11,
  status: 200,
  requestBytes: 0,
  responseBytes: 5120,
  fields: null,
  userAgent: "curl/8.5.0",
  referer: "",
  route: "example.com/*",
  routeSlot: 0,
  upstream: "web",
  endpoint: "http://127.0.0.1:3000",
  endpointSlot: 0,
  attempts: 1,
  queueMs: 0,
  connectMs: 0.41,
  firstByteMs: 3.2,
  totalMs: 4.756,
  failure: null,
  failureDetail: "",
  filterActions: null,
  upgrade: "",
};

/** A plain answer, but for `changes`. */
export function recordWith(changes: Partial<ExchangeRecord> = {}): ExchangeRecord {
  return { ...PLAIN, ...changes };
}
