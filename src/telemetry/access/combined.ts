/** The access log in the combined format of Apache httpd, which nginx and every log analyser know. */

import type { ExchangeRecord } from "#model/record.ts";
import { commonLogDate } from "#core/time/calendar.ts";
import { clip, escapeApache } from "../escape.ts";
import { redactQuery } from "../redact.ts";
import { LIMITS, protocolOf } from "./limits.ts";

/**
 * Makes the function that writes `%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"`, with the line break.
 *
 * @param utcOffset of the dates, minutes east of UTC
 */
export function combinedLines(utcOffset: number): (record: ExchangeRecord) => string {
  let second = -1;
  let date = "";
  return (record) => {
    const now = Math.floor(record.startedWall / 1000);
    if (now !== second) {
      second = now;
      date = commonLogDate(record.startedWall, utcOffset);
    }
    const client = record.clientIp === "" ? "-" : escapeApache(record.clientIp);
    const status = record.status === 0 ? "-" : record.status;
    const bytes = record.responseBytes === 0 ? "-" : record.responseBytes;
    const referer = quoted(redactQuery(clip(record.referer, LIMITS.field)));
    const agent = quoted(clip(record.userAgent, LIMITS.field));
    return `${client} - - [${date}] ${requestLine(record)} ${status} ${bytes} ${referer} ${agent}\n`;
  };
}

function requestLine(record: ExchangeRecord): string {
  if (record.method === "") return '"-"';
  const target = redactQuery(clip(record.target, LIMITS.target));
  return quoted(`${record.method} ${target} ${protocolOf(record)}`);
}

function quoted(value: string): string {
  return value === "" ? '"-"' : `"${escapeApache(value)}"`;
}
