import assert from "node:assert/strict";
import { test } from "node:test";
import { ALERT, writeAlert } from "./alert.ts";

test("an alert is a record of seven bytes with level and description", () => {
  assert.deepEqual([...writeAlert("fatal", ALERT.protocolVersion)], [21, 3, 3, 0, 2, 2, 70]);
  assert.deepEqual([...writeAlert("warning", ALERT.unrecognizedName)], [21, 3, 3, 0, 2, 1, 112]);
});
