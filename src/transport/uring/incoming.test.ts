import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Connection } from "../contract.ts";
import { Engine } from "./engine.ts";
import { Incoming } from "./incoming.ts";
import { Ledger } from "./ledger.ts";
import { foreseeable } from "./unavailable.ts";

const skip = foreseeable() === null ? false : "needs io_uring";

describe("what was received", { skip }, () => {
  it("is given back also when whoever it is shown to throws", () => {
    const engine = new Engine(Ledger.alone());
    engine.hold();
    const { small, large } = engine;
    small.grow();
    const incoming = new Incoming(small, large);
    const handler = {
      onData(): never {
        throw new Error("on purpose");
      },
    };
    const connection = { handler } as unknown as Connection;
    const { free } = small;
    assert.throws(() => incoming.deliver(connection, small.take(0), 5), /on purpose/);
    incoming.keep(small.take(1), 5);
    assert.throws(() => incoming.deliverKept(connection, () => false), /on purpose/);
    assert.equal(small.free, free);
    engine.letGo();
  });
});
