import assert from "node:assert/strict";
import { test } from "node:test";
import { isWanted, readOptions } from "./options.ts";

test("without options everything is run from the package", () => {
  const { only, peers, checkout, idleConnections } = readOptions([]);
  assert.deepEqual(
    { only, peers, checkout, idleConnections },
    { only: [], peers: [], checkout: false, idleConnections: 8000 },
  );
});

test("what is written beside --quick wins over it", () => {
  const { only, rounds, checkout } = readOptions([
    "--quick",
    "--only",
    "idle,start",
    "--rounds",
    "2",
  ]);
  assert.deepEqual(
    { only, rounds, checkout },
    { only: ["idle", "start"], rounds: 2, checkout: true },
  );
});

test("numbers that are none are refused", () => {
  assert.throws(
    () => readOptions(["--seconds", "0.5"]),
    /--seconds takes a whole number from 1 on/,
  );
  assert.throws(() => readOptions(["--rounds", "0"]), /--rounds takes/);
});

test("--only takes a name, or what several names begin with", () => {
  assert.ok(isWanted("headline-64", ["headline"]));
  assert.ok(isWanted("headline-64", ["idle", "headline-64"]));
  assert.ok(!isWanted("headline-64", ["head"]));
  assert.ok(!isWanted("headline-64", ["headline-6"]));
  assert.ok(isWanted("anything", []));
});
