import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Slice, type SliceOwner } from "#core/bytes/slice.ts";
import { RequestBody } from "./request-body.ts";

/** Counts references; what is released too often throws. */
class Ledger implements SliceOwner {
  references = 0;
  retain(): void {
    this.references++;
  }
  release(): void {
    assert.ok(this.references-- > 0, "released more often than taken");
  }
  slice(text: string): Slice {
    this.retain();
    const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0));
    return new Slice(bytes, 0, bytes.length, this);
  }
}

function taken(body: RequestBody): string {
  let text = "";
  for (let slice; (slice = body.take()) !== null;) {
    text += Buffer.from(slice.view()).toString("latin1");
    slice.release();
  }
  return text;
}

test("what was sent can be sent again while all of it is kept, and not once there is too much", () => {
  const ledger = new Ledger();
  const body = new RequestBody(0);
  body.limitReplay(10);
  assert.ok(body.untouched && body.replayable);
  body.push(ledger.slice("first"));
  assert.equal(taken(body), "first");
  assert.ok(!body.untouched && body.replayable);
  body.push(ledger.slice("2nd"));
  body.rewind();
  assert.equal(body.waiting, 8);
  assert.equal(taken(body), "first2nd");
  body.push(ledger.slice("third"));
  assert.ok(!body.replayable);
  assert.equal(body.held, 5, "what was sent is released");
  assert.equal(taken(body), "third");
  assert.equal(ledger.references, 0);
});

test("what the limit leaves waiting is still sent from its beginning", () => {
  const ledger = new Ledger();
  const body = new RequestBody(10);
  body.push(ledger.slice("first"));
  taken(body);
  body.rewind();
  body.push(ledger.slice("x".repeat(20)));
  assert.ok(!body.replayable);
  assert.equal(taken(body), `first${"x".repeat(20)}`);
  body.release();
  assert.equal(ledger.references, 0);
});

test("whatever is pushed, taken, rewound and given up, bytes come in order and every reference is released once", () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("push" as const), size: fc.integer({ min: 1, max: 30 }) }),
    fc.record({ do: fc.constantFrom("take" as const, "rewind" as const) }),
    fc.record({ do: fc.constant("giveUp" as const) }),
  );
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 40 }),
      fc.integer({ min: -1, max: 60 }),
      (steps, limit) => {
        const ledger = new Ledger();
        const body = new RequestBody(limit);
        let pushed = "";
        let sent = "";
        for (const action of steps) {
          if (action.do === "push") {
            const text = Array.from({ length: action.size }, (_, i) =>
              String.fromCharCode(33 + ((pushed.length + i) % 90)),
            ).join("");
            pushed += text;
            body.push(ledger.slice(text));
          } else if (action.do === "take") {
            const slice = body.take();
            if (slice === null) continue;
            sent += Buffer.from(slice.view()).toString("latin1");
            // As a transport does it: the bounds of what was handed over change.
            slice.offset += slice.length;
            slice.length = 0;
            slice.release();
          } else if (action.do === "rewind") {
            if (!body.replayable) continue;
            body.rewind();
            sent = "";
          } else {
            body.giveUpReplay();
            assert.ok(!body.replayable);
          }
          assert.equal(sent, pushed.slice(0, sent.length));
          assert.equal(body.waiting, pushed.length - sent.length);
          assert.ok(!body.replayable || body.held <= Math.max(limit, 0));
        }
        body.release();
        body.release();
        assert.equal(ledger.references, 0);
        assert.equal(body.take(), null);
      },
    ),
    { numRuns: 300 },
  );
});
