import { test } from "node:test";
import { fuzzOnce } from "./http2.ts";

test("3 000 sessions of HTTP/2 hold what the fuzz target holds", () => {
  for (let seed = 0; seed < 3000; seed++) fuzzOnce(seed);
});
