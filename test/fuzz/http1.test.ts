import { test } from "node:test";
import { fuzzOnce } from "./http1.ts";

test("3 000 mutated wires hold what the fuzz target holds", () => {
  for (let seed = 0; seed < 3000; seed++) fuzzOnce(seed);
});
