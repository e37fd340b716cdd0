/**
 * What the process says of itself: starts, reloads, workers that die, certificates, faults of its own. JSON by
 * pino, or readable lines on a terminal. The workers' messages come here too, through the control thread.
 */

import { type DestinationStream, type Logger, pino } from "pino";

import type { Severity } from "#core/errors.ts";
import { LEVELS } from "../access/json.ts";
import { timeOfDay } from "#core/time/calendar.ts";
import { painter } from "../colour.ts";
import { escapeControls, escapeText } from "../escape.ts";
import { REDACTED, isSensitiveHeader } from "../redact.ts";

/** One message. */
export interface LogMessage {
  readonly level: Severity;
  /** Stable name of what happened. */
  readonly code: string;
  /** For a person. */
  readonly message: string;
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** How messages are written. */
export interface ProcessLogOptions {
  /** Takes lines with their line break. */
  readonly write: (line: string) => void;
  /** Least severity that is written. */
  readonly level: Severity;
  readonly format: "json" | "pretty";
  /** For `pretty`. */
  readonly colour: boolean;
  /** Of the times in `pretty`, minutes east of UTC. */
  readonly utcOffset: number;
}

/** Makes the log of the process. */
export function createProcessLog(options: ProcessLogOptions): Logger {
  const { write } = options;
  const pretty = options.format === "pretty" ? prettyLine(options) : null;
  const destination: DestinationStream = {
    // pino escapes what JSON demands; terminals obey more characters than that.
    write: (line) => write(pretty === null ? escapeControls(line) : pretty(line)),
  };
  return pino({ base: null, level: options.level }, destination);
}

/** Writes a message of any thread. */
export function logMessage(log: Logger, message: LogMessage): void {
  log[message.level](
    { code: message.code, ...redactFields(message.fields ?? {}) },
    message.message,
  );
}

/** Fields that are named like header fields with secrets lose their values. */
function redactFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      isSensitiveHeader(name) ? REDACTED : value,
    ]),
  );
}

const PAINTS = { debug: "dim", info: "green", warn: "yellow", error: "red" } as const;

function prettyLine({ utcOffset, colour }: ProcessLogOptions): (line: string) => string {
  const paint = painter(colour);
  return (line) => {
    const { level, time, msg, code, ...fields } = JSON.parse(line) as Record<string, unknown>;
    const severity = severityOf(Number(level));
    const head = `${paint("dim", timeOfDay(Number(time), utcOffset))} ${paint(PAINTS[severity], severity.padEnd(5))}`;
    const name = typeof code === "string" ? paint("dim", ` ${escapeText(code)}`) : "";
    const rest = Object.entries(fields)
      .map(([key, value]) => ` ${escapeText(key)}=${fieldText(value)}`)
      .join("");
    const message = typeof msg === "string" ? escapeText(msg) : "";
    return `${head} ${message}${name}${paint("dim", rest)}\n`;
  };
}

function fieldText(value: unknown): string {
  return escapeText(typeof value === "string" ? value : JSON.stringify(value));
}

function severityOf(level: number): Severity {
  if (level >= LEVELS.error) return "error";
  if (level >= LEVELS.warn) return "warn";
  return level >= LEVELS.info ? "info" : "debug";
}
