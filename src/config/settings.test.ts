import assert from "node:assert/strict";
import { test } from "node:test";

import { changedSettings, inUse } from "./settings.ts";
import { loadText } from "./testing/stand-ins.ts";

test("settings: those of the process are compared, and what differs is named", async (t) => {
  const load = async (more: string) => {
    const result = await loadText(t, `upstreams: { a: 1 }\n${more}`);
    assert.ok(result.ok);
    return result.config;
  };
  const before = await load("timeouts: { drain: 2s }\n");
  const after = await load("timeouts: { drain: 5s, head: 1s }\nworkers: 1\n");
  assert.deepEqual(changedSettings(before, before), []);
  assert.deepEqual(changedSettings(before, after), ["timeouts.drain", "workers"]);
  assert.equal(
    inUse(3, before, after),
    "configuration 3 is in use, with other timeouts.drain, workers",
  );
  assert.equal(inUse(3, before, before), "configuration 3 is in use");
});
