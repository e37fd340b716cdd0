/** The access log for a person at a terminal: one short line for each request. */

import { FAILURES } from "#core/errors.ts";
import type { ExchangeRecord } from "#model/record.ts";
import { timeOfDay } from "#core/time/calendar.ts";
import { type Paint, painter } from "../colour.ts";
import { clip, escapeText } from "../escape.ts";
import { redactQuery } from "../redact.ts";
import { observedText } from "./observed.ts";

/** Longest URL that is shown. */
const URL_MAX = 200;

/**
 * Makes the function that writes a line such as
 * `13:55:36 200 GET example.com/a 12 ms 3.4 kB → api http://127.0.0.1:9001`.
 *
 * @param utcOffset minutes east of UTC
 * @param colour with the escapes of a terminal
 */
export function prettyLines(
  utcOffset: number,
  colour: boolean,
): (record: ExchangeRecord) => string {
  const paint = painter(colour);
  return (record) => {
    // Of the end, when the line is written: by the start, lines would seem out of order.
    const ended = record.startedWall + Math.max(record.totalMs, 0);
    const time = paint("dim", timeOfDay(ended, utcOffset));
    const url = `${record.host}${redactQuery(clip(record.target, URL_MAX))}`;
    const what = `${status(record, paint)} ${escapeText(record.method || "-")} ${escapeText(url)}`;
    const much = paint("dim", `${duration(record.totalMs)} ${size(record.responseBytes)}`);
    return `${time} ${what} ${much}${destination(record, paint)}${observed(record, paint)}${fault(record, paint)}\n`;
  };
}

function status(record: ExchangeRecord, paint: Paint): string {
  const text = record.status === 0 ? "---" : String(record.status);
  if (record.status >= 500 || record.status === 0) return paint("red", text);
  if (record.status >= 400) return paint("yellow", text);
  return paint(record.status >= 300 ? "cyan" : "green", text);
}

function destination(record: ExchangeRecord, paint: Paint): string {
  if (record.attempts === 0) return "";
  const tries = record.attempts > 1 ? ` (${record.attempts} attempts)` : "";
  const upgrade = record.upgrade === "" ? "" : ` ${record.upgrade}`;
  return paint("dim", escapeText(` → ${record.upstream} ${record.endpoint}${tries}${upgrade}`));
}

function observed(record: ExchangeRecord, paint: Paint): string {
  const text = observedText(record);
  return text === "" ? "" : paint("yellow", escapeText(` observed: ${clip(text, URL_MAX)}`));
}

function fault(record: ExchangeRecord, paint: Paint): string {
  if (record.failure === null) return "";
  const { level, sentence } = FAILURES[record.failure];
  const detail = record.failureDetail === "" ? "" : ` (${clip(record.failureDetail, URL_MAX)})`;
  const text = escapeText(` ${record.failure}: ${sentence}${detail}`);
  return paint(level === "error" ? "red" : level === "warn" ? "yellow" : "dim", text);
}

function duration(ms: number): string {
  if (ms < 0) return "-";
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
