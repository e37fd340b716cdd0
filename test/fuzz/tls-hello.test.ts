import assert from "node:assert/strict";
import { test } from "node:test";
import { fuzzOnce } from "./tls-hello.ts";

test("3 000 mutated hellos hold what the fuzz target holds", async () => {
  const counts = { both: 0, "openssl only": 0, "reader only": 0, neither: 0 };
  for (let seed = 0; seed < 3000; seed++) counts[await fuzzOnce(seed)]++;
  // A comparison in which one side refuses everything would show nothing.
  assert(counts.both > 500, JSON.stringify(counts));
  assert(counts.neither > 500, JSON.stringify(counts));
});
