import assert from "node:assert/strict";
import { test } from "node:test";
import { luaScript, MARK } from "./script.ts";
import { parseWrk } from "./wrk.ts";

const numbers = {
  microseconds: 1_000_000,
  requests: 500,
  bytes: 640_000,
  p50: 120,
  p99: 400,
  p999: 900,
  max: 1000,
  connect: 0,
  read: 0,
  write: 0,
  status: 0,
  timeout: 0,
};

function output(found: Partial<typeof numbers>): string {
  const line = `${MARK}${JSON.stringify({ ...numbers, ...found })}`;
  return `Running 1s test @ http://127.0.0.1:1/\n  1 threads and 64 connections\n${line}\n`;
}

test("the numbers of wrk are read from the line of the script", () => {
  const { problems, requests, p999 } = parseWrk(output({}));
  assert.deepEqual({ problems, requests, p999 }, { problems: [], requests: 500, p999: 900 });
});

test("error statuses and errors of sockets are problems", () => {
  const { problems } = parseWrk(output({ status: 3, read: 2, timeout: 1 }));
  assert.deepEqual(problems, [
    "2 errors while reading",
    "3 answers with a status of 400 or more",
    "1 answers that did not come in time",
  ]);
});

test("a run without an answer is a problem", () => {
  assert.deepEqual(parseWrk(output({ requests: 0 })).problems, ["no request was answered"]);
});

test("output without numbers is refused and shown", () => {
  assert.throws(() => parseWrk("unable to connect"), /no numbers:\nunable to connect/);
});

test("only a script for several requests makes each anew, and only one with pauses waits", () => {
  const single = luaScript({ requestFile: "/r", requestCount: 1, pause: 0 });
  assert.doesNotMatch(single, /function (?:request|delay)\(/);
  const several = luaScript({ requestFile: "/r", requestCount: 2, pause: 25 });
  assert.match(several, /function request\(/);
  assert.match(several, /function delay\(/);
});
