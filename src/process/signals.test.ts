import assert from "node:assert/strict";
import { test } from "node:test";

import { onSignals } from "./signals.ts";

function heard(hangupStops: boolean): string[] {
  const said: string[] = [];
  const remove = onSignals({
    hangupStops,
    stop: (signal) => said.push(`stop ${signal}`),
    reload: () => said.push("reload"),
    abort: (code) => said.push(`abort ${code}`),
  });
  for (const signal of ["SIGHUP", "SIGHUP", "SIGTERM"] as const) process.emit(signal, signal);
  remove();
  return said;
}

test("SIGHUP reloads where nobody sits at a terminal", () => {
  assert.deepEqual(heard(false), ["reload", "reload", "stop SIGTERM"]);
});

test("SIGHUP of a terminal that closes stops, and a second one is no hurry", () => {
  assert.deepEqual(heard(true), ["stop SIGHUP", "abort 143"]);
});
