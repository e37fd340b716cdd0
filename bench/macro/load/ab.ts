/**
 * Runs ab, and reads what it says. It is for new connections with TLS: wrk takes up the session of the last connection in
 * every second handshake, ab never does.
 */

import { type Address, urlOf } from "./address.ts";
import { outputOf } from "./program.ts";

/** One run of ab: a new connection for each request. */
export interface AbRun extends Address {
  readonly path: string;
  readonly connections: number;
  readonly seconds: number;
  /** Folder for its files. */
  readonly folder: string;
}

/** What came of it. */
export interface AbResult {
  readonly microseconds: number;
  readonly requests: number;
  /** Sentences about what went wrong; none in a good run. */
  readonly problems: readonly string[];
}

/** Beyond what any proxy answers in the time: ab ends at the one or the other. */
const MOST_REQUESTS = 1_000_000;
/** Seconds after which ab gives up waiting. */
const ANSWER_TIMEOUT = 30;

/** Reads the output of ab. @throws Error when the numbers are not there */
export function parseAb(output: string): AbResult {
  const number = (name: string): number =>
    Number(new RegExp(`^${name}: +([\\d.]+)`, "mu").exec(output)?.[1] ?? Number.NaN);
  const requests = number("Complete requests");
  const seconds = number("Time taken for tests");
  if (Number.isNaN(requests) || Number.isNaN(seconds)) {
    throw new Error(`ab has printed no numbers:\n${output.slice(-2000)}`);
  }
  // ab prints these lines only when there is something to say.
  const failed = number("Failed requests");
  const refused = number("Non-2xx responses");
  const problems = [
    ...(failed > 0 ? [`${failed} requests failed`] : []),
    ...(refused > 0 ? [`${refused} answers with a status other than 2xx`] : []),
    ...(/^SSL (?:handshake|read|write) failed/mu.test(output) ? ["TLS failed"] : []),
    ...(requests === 0 ? ["no request was answered"] : []),
  ];
  return { microseconds: seconds * 1e6, requests, problems };
}

/** Runs ab. */
export async function runAb(run: AbRun): Promise<AbResult> {
  const args = [
    ["-q"],
    // Sets a number of requests, too, so that one comes behind it.
    ["-t", String(run.seconds)],
    ["-n", String(MOST_REQUESTS)],
    ["-c", String(run.connections)],
    ["-s", String(ANSWER_TIMEOUT)],
    // Where the name has addresses of both families, this one is tried.
    ["-B", "127.0.0.1"],
    [urlOf(run, run.path)],
  ].flat();
  return parseAb(await outputOf("ab", args, run.seconds, run.folder));
}
