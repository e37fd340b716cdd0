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

/** Colours of a terminal. A configuration's faults come painted for `sluice check`; as escapes they would be noise. */
const COLOURS = /\u001b\[[0-9;]*m/g;

/** Writes a message of any thread. */
export function logMessage(log: Logger, message: LogMessage): void {
  log[message.level](
    { code: message.code, ...redactFields(message.fields ?? {}) },
    message.message.replaceAll(COLOURS, ""),
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
    const message = typeof msg === "string" ? msg.trimEnd() : "";
    const name = typeof code === "string" && !tells(message, code) ? ` ${escapeText(code)}` : "";
    const rest = Object.entries(fields)
      .map(
        ([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)] as const,
      )
      .filter(([, value]) => !tells(message, value))
      .map(([key, value]) => ` ${escapeText(key)}=${escapeText(value)}`)
      .join("");
    const [first = "", ...more] = message.split("\n").map(escapeText);
    // Indented, so that no text of a peer's passes for a line of the log.
    const below = more.map((text) => (text === "" ? "\n" : `  ${text}\n`)).join("");
    const facts = `${name}${rest}`;
    return `${head} ${first}${facts === "" ? "" : paint("dim", facts)}\n${below}`;
  };
}

/** Whether `value` is in the message already, as a word of its own: the 2 of `workers=2` is not in `:8082`. */
function tells(message: string, value: string): boolean {
  const start = message.indexOf(value);
  if (start < 0) return false;
  const end = start + value.length;
  const within = /^[\w.-]\w/.test(message.charAt(start - 1) + value.charAt(0));
  return !within && !/^(?:\.?\w|-)/.test(message.slice(end, end + 2));
}

function severityOf(level: number): Severity {
  if (level >= LEVELS.error) return "error";
  if (level >= LEVELS.warn) return "warn";
  return level >= LEVELS.info ? "info" : "debug";
}
