import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TOKEN_CHARS } from "#core/http/chars.ts";
import { headerId, headerIdOf } from "#core/http/header-names.ts";
import {
  MATCH_WINDOW,
  MATCHED_IDS,
  MATCHED_LENGTHS,
  MATCHED_NAMES,
  matchName,
} from "./name-matcher.ts";

const NAMES = MATCHED_NAMES.slice(1);

/** What is matched at the beginning of `line`, and the slow answer: the whole name byte by byte. */
function compare(line: string): void {
  const bytes = Buffer.alloc(line.length + MATCH_WINDOW);
  bytes.write(line, "latin1");
  const index = matchName(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0);
  let end = 0;
  while (TOKEN_CHARS[bytes[end]!] === 1) end++;
  const name = bytes.toString("latin1", 0, end).toLowerCase();
  const expected = bytes[end] === 0x3a ? MATCHED_NAMES.indexOf(name) : -1;
  assert.equal(index, end === 0 ? 0 : Math.max(expected, 0), JSON.stringify(line));
  if (index === 0) return;
  assert.equal(MATCHED_LENGTHS[index], end);
  assert.equal(MATCHED_IDS[index], headerId(bytes, 0, end));
}

test("every name is matched, in any case and whatever is behind the colon", () => {
  for (const name of NAMES) {
    for (const spelled of [
      name,
      name.toUpperCase(),
      name.replaceAll(/\b[a-z]/g, (a) => a.toUpperCase()),
    ]) {
      compare(`${spelled}:`);
      compare(`${spelled}: x\r\n\r\n`);
      compare(`${spelled}:\u00ff${"\u007f".repeat(40)}`);
      compare(spelled);
      compare(`${spelled} : x`);
      compare(`x${spelled}: x`);
      compare(`${spelled}x: x`);
      compare(`${spelled.slice(0, -1)}: x`);
    }
  }
});

test("a name is matched once, and each has its own id", () => {
  assert.equal(new Set(NAMES).size, NAMES.length);
  for (const [index, name] of MATCHED_NAMES.entries()) {
    assert.equal(MATCHED_IDS[index], headerIdOf(name));
  }
});

test("a name with any byte replaced by any other is matched only if it is a name still", () => {
  for (const name of NAMES) {
    const line = `${name}: value`;
    for (let at = 0; at <= name.length; at++) {
      for (let byte = 0; byte < 256; byte++) {
        compare(line.slice(0, at) + String.fromCharCode(byte) + line.slice(at + 1));
      }
    }
  }
});

test("whatever stands there, the answer is that of reading it byte by byte", () => {
  const piece = fc.oneof(
    fc.constantFrom(...NAMES),
    fc.constantFrom(":", ": ", "-", "\r\n", "\0"),
    fc.string({ unit: "binary-ascii", maxLength: 4 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 4 }), (pieces) => compare(pieces.join(""))),
    { numRuns: 2000 },
  );
});
