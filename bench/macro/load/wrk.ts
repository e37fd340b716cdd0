/** Runs wrk, and reads what it says. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Address, urlOf } from "./address.ts";
import { outputOf } from "./program.ts";
import { luaScript, MARK } from "./script.ts";

/** Requests in a file, as {@link writeRequests} has written them. */
export interface RequestFile {
  readonly file: string;
  readonly count: number;
}

/** One run of wrk. */
export interface WrkRun extends Address {
  readonly connections: number;
  readonly seconds: number;
  readonly requests: RequestFile;
  /** Mean pause before each request on a connection, in milliseconds; 0 for none. */
  readonly pause: number;
  /** Folder for its files. */
  readonly folder: string;
}

/** What came of it. Times in microseconds. */
export interface WrkResult {
  readonly microseconds: number;
  readonly requests: number;
  /** Bytes received, heads included. */
  readonly bytes: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  /** Sentences about what went wrong; none in a good run. */
  readonly problems: readonly string[];
}

/** Seconds after which an answer counts as missing. */
const ANSWER_TIMEOUT = 30;

/** Writes requests for wrk into `folder`. */
export function writeRequests(
  folder: string,
  name: string,
  requests: readonly string[],
): RequestFile {
  const file = join(folder, `${name}.requests`);
  writeFileSync(file, requests.join("\0"), "latin1");
  return { file, count: requests.length };
}

/** Reads the output of wrk with the script of {@link luaScript}. @throws Error when the numbers are not there */
export function parseWrk(output: string): WrkResult {
  const line = output.split("\n").find((each) => each.startsWith(MARK));
  if (line === undefined) throw new Error(`wrk has printed no numbers:\n${output.slice(-2000)}`);
  const found = JSON.parse(line.slice(MARK.length)) as Readonly<Record<string, number>>;
  const number = (name: string): number => found[name] ?? Number.NaN;
  const kinds: Readonly<Record<string, string>> = {
    connect: "connections refused",
    read: "errors while reading",
    write: "errors while writing",
    status: "answers with a status of 400 or more",
    timeout: "answers that did not come in time",
  };
  const problems = Object.entries(kinds).flatMap(([name, words]) =>
    number(name) > 0 ? [`${number(name)} ${words}`] : [],
  );
  if (number("requests") === 0) problems.push("no request was answered");
  return {
    microseconds: number("microseconds"),
    requests: number("requests"),
    bytes: number("bytes"),
    p50: number("p50"),
    p99: number("p99"),
    p999: number("p999"),
    max: number("max"),
    problems,
  };
}

/** Runs wrk with one thread. */
export async function runWrk(run: WrkRun): Promise<WrkResult> {
  const script = join(run.folder, "load.lua");
  const { file, count } = run.requests;
  writeFileSync(script, luaScript({ requestFile: file, requestCount: count, pause: run.pause }));
  const args = [
    ["-t", "1"],
    ["-c", String(run.connections)],
    ["-d", `${run.seconds}s`],
    ["--timeout", `${ANSWER_TIMEOUT}s`],
    ["-s", script],
    [urlOf(run, "/")],
  ].flat();
  return parseWrk(await outputOf("wrk", args, run.seconds, run.folder));
}
