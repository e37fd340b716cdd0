import assert from "node:assert/strict";
import { test } from "node:test";

import { unless } from "../../../../test/harness/requires.ts";
import { trimFreed } from "./allocator.ts";

const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };

test(
  "glibc is asked to give back what was freed, as often as anybody likes",
  { skip: unless(header.glibcVersionRuntime !== undefined, "needs glibc") },
  () => {
    for (let i = 0; i < 3; i++) assert.equal(trimFreed(), true);
  },
);
