import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AuthorityTable } from "./authority-table.ts";
import { parseAuthority } from "./authority.ts";

test("what the table knows and what it reads anew are the same, valid or not", () => {
  const host = fc.oneof(
    fc.constantFrom("a.example", "A.example", "a.example.", "a.example:80", "[::1]:8080", "127.1"),
    fc.string({ maxLength: 80, unit: "binary-ascii" }),
    fc.domain(),
  );
  fc.assert(
    fc.property(fc.array(host, { maxLength: 40 }), (hosts) => {
      const table = new AuthorityTable();
      for (const text of [...hosts, ...hosts]) {
        const bytes = Buffer.from(`##${text}##`, "latin1");
        const read = table.read(bytes, 2, bytes.length - 2);
        assert.equal(read.text, text);
        assert.deepEqual(read.authority, parseAuthority(text));
      }
    }),
    { numRuns: 200 },
  );
});

test("more hosts than the table has places are each read as they are", () => {
  const table = new AuthorityTable();
  for (let round = 0; round < 2; round++) {
    for (let n = 0; n < 2000; n++) {
      const bytes = Buffer.from(`host-${n}.example`);
      assert.equal(table.read(bytes, 0, bytes.length).authority?.hostname, `host-${n}.example`);
    }
  }
});
