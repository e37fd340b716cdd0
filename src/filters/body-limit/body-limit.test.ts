import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { readOptions, startExchange } from "../../../test/harness/filter.ts";

const CONTINUE = { kind: "continue" };

describe("bodyLimit", () => {
  test("lets a body pass that is as large as it may be", () => {
    const exchange = startExchange([{ bodyLimit: "10B" }], {
      framing: "length",
      contentLength: 10,
    });
    exchange.pass();
    assert.deepEqual(exchange.data(new Uint8Array(4)), CONTINUE);
    assert.deepEqual(exchange.data(new Uint8Array(6)), CONTINUE);
  });

  test("refuses an announced body that is larger, before any of it has been read", () => {
    const exchange = startExchange([{ bodyLimit: "10B" }], {
      framing: "length",
      contentLength: 11,
    });
    assert.deepEqual(exchange.requestHead(), {
      kind: "refuse",
      code: "request_body_too_large",
      detail: "more than 10 bytes",
    });
  });

  test("counts a body of unknown length as it comes", () => {
    const exchange = startExchange([{ bodyLimit: { max: "10B" } }], { framing: "chunked" }).pass();
    assert.deepEqual(exchange.data(new Uint8Array(10)), CONTINUE);
    assert.equal(exchange.data(new Uint8Array(1)).kind, "refuse");
  });

  test("does not rely on the announced length alone", () => {
    const exchange = startExchange([{ bodyLimit: "10B" }], { framing: "length", contentLength: 5 });
    exchange.pass();
    assert.equal(exchange.data(new Uint8Array(11)).kind, "refuse");
  });

  test("counts each exchange for itself", () => {
    const first = startExchange([{ bodyLimit: "10B" }], { framing: "chunked" }).pass();
    const second = startExchange([{ bodyLimit: "10B" }], { framing: "chunked" }).pass();
    assert.deepEqual(first.data(new Uint8Array(8)), CONTINUE);
    assert.deepEqual(second.data(new Uint8Array(8)), CONTINUE);
  });

  test("of no bytes lets requests without a body pass", () => {
    startExchange([{ bodyLimit: "0B" }]).pass();
    const exchange = startExchange([{ bodyLimit: "0B" }], { framing: "length", contentLength: 1 });
    assert.equal(exchange.requestHead().kind, "refuse");
  });

  test("refuses exactly when the sum passes the limit, however the body is cut", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(9), { maxLength: 12 }), fc.nat(40), (pieces, max) => {
        const exchange = startExchange([{ bodyLimit: `${max}B` }], { framing: "chunked" }).pass();
        let sum = 0;
        for (const size of pieces) {
          sum += size;
          const { kind } = exchange.data(new Uint8Array(size));
          assert.equal(kind, sum > max ? "refuse" : "continue");
          if (kind === "refuse") return;
        }
      }),
      { numRuns: 100 },
    );
  });

  test("is written with a unit", () => {
    assert.deepEqual(readOptions("bodyLimit", "10MiB"), { max: 10 * 1024 * 1024 });
    assert.deepEqual(readOptions("bodyLimit", { max: "1KB" }), { max: 1000 });
    assert.throws(() => readOptions("bodyLimit", 10), /expected a size/);
    assert.throws(() => readOptions("bodyLimit", "10"), /10/);
    assert.throws(() => readOptions("bodyLimit", "-1B"), /size/);
    assert.throws(() => readOptions("bodyLimit", {}));
    assert.throws(() => readOptions("bodyLimit", { max: "1MB", min: "1B" }));
  });
});
