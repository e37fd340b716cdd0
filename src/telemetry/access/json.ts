/** The access log as lines of JSON, with the fields that pino has: level, time, msg. */

import { FAILURES, type Severity } from "#core/errors.ts";
import type { ExchangeRecord } from "#model/record.ts";
import { clip, escapeJson } from "../escape.ts";
import { redactQuery } from "../redact.ts";
import { LIMITS, protocolOf } from "./limits.ts";
import { observedText } from "./observed.ts";

/** pino's numbers of levels. */
export const LEVELS: Readonly<Record<Severity, number>> = {
  debug: 20,
  info: 30,
  warn: 40,
  error: 50,
};

/** One line, with its line break. What did not happen is left out. */
export function jsonLine(record: ExchangeRecord): string {
  const { failure } = record;
  const level = failure === null ? LEVELS.info : LEVELS[FAILURES[failure].level];
  const ended = Math.round(record.startedWall + Math.max(record.totalMs, 0));
  // Put together by hand: half the time of JSON.stringify over an object made for it.
  let line = `{"level":${level},"time":${ended},"msg":"request"`;
  line += property("requestId", record.requestId);
  line += property("client", record.clientIp);
  line += property("method", record.method);
  line += property("scheme", record.scheme);
  line += property("host", record.host);
  line += property("path", redactQuery(clip(record.target, LIMITS.target)));
  line += `,"protocol":"${protocolOf(record)}","status":${record.status}`;
  line += `,"bytesIn":${record.requestBytes},"bytesOut":${record.responseBytes}`;
  line += property("userAgent", clip(record.userAgent, LIMITS.field));
  line += property("referer", redactQuery(clip(record.referer, LIMITS.field)));
  line += property("route", record.route);
  line += property("upstream", record.upstream);
  line += property("endpoint", record.endpoint);
  line += `,"attempts":${record.attempts}`;
  line += timing(record);
  line += property("upgrade", record.upgrade);
  line += property("observed", observedText(record));
  if (failure !== null) {
    line += `,"failure":"${failure}"${property("reason", FAILURES[failure].sentence)}`;
    line += property("detail", record.failureDetail);
  }
  return `${line}}\n`;
}

/** A property behind others; nothing if there is no value. */
export function property(name: string, value: string): string {
  return value === "" ? "" : `,"${name}":"${escapeJson(clip(value, LIMITS.longest))}"`;
}

function timing(record: ExchangeRecord): string {
  let parts = "";
  if (record.attempts > 0) {
    if (record.queueMs >= 0) parts += `"queue":${ms(record.queueMs)},`;
    if (record.connectMs >= 0) parts += `"connect":${ms(record.connectMs)},`;
  }
  if (record.firstByteMs >= 0) parts += `"firstByte":${ms(record.firstByteMs)},`;
  return `,"timing":{${parts}"total":${ms(Math.max(record.totalMs, 0))}}`;
}

/**
 * Hundredths of a millisecond say all that can be said. Put together of whole numbers, as long as these are small: the
 * shortest decimal form of a fraction is several times the work.
 */
function ms(value: number): string {
  const hundredths = Math.round(value * 100);
  if (hundredths > 0x7fff_ffff) return String(hundredths / 100);
  const whole = (hundredths / 100) | 0;
  const rest = hundredths - whole * 100;
  if (rest === 0) return String(whole);
  return rest % 10 === 0 ? `${whole}.${rest / 10}` : `${whole}.${rest < 10 ? "0" : ""}${rest}`;
}
