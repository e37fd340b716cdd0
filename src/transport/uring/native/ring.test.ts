import assert from "node:assert/strict";
import { closeSync, openSync } from "node:fs";
import { describe, it } from "node:test";
import { Ledger } from "../ledger.ts";
import { foreseeable } from "../unavailable.ts";
import { POLLIN } from "./layout.ts";
import { Libc } from "./libc.ts";
import { Mapping } from "./mapping.ts";
import { Ring } from "./ring.ts";

const skip = foreseeable() === null ? false : "needs io_uring";

describe("a ring", { skip }, () => {
  /** A descriptor that is always readable. */
  const readable = (): { fd: number; close: () => void } => {
    const fd = openSync("/dev/zero", "r");
    return { fd, close: () => closeSync(fd) };
  };

  const open = (): { ring: Ring; ledger: Ledger; libc: Libc } => {
    const libc = new Libc();
    const ledger = Ledger.alone();
    return { libc, ledger, ring: new Ring(libc, ledger) };
  };

  it("completes every entry once, many more than it has room for at a time", () => {
    const { ring } = open();
    const { fd, close } = readable();
    const count = 50_000;
    for (let i = 0; i < count; i++) ring.poll(i, i ^ 0x5a5a, fd, POLLIN);
    const seen = new Uint8Array(count);
    while (seen.includes(0)) {
      ring.submit(0);
      ring.harvest((low, high, result) => {
        assert.equal(high, low ^ 0x5a5a);
        assert.equal(result, POLLIN);
        seen[low]!++;
      });
    }
    ring.submit(0);
    ring.harvest(() => assert.fail("nothing is left"));
    assert.ok(seen.every((times) => times === 1));
    close();
    ring.close();
  });

  it("can be filled with entries by whoever takes out completions", () => {
    const { ring } = open();
    const { fd, close } = readable();
    let made = 0;
    const more = (): void => {
      for (let i = 0; i < 3000 && made < 30_000; i++) ring.poll(made++, 0, fd, POLLIN);
    };
    more();
    const order: number[] = [];
    while (order.length < 30_000) {
      ring.submit(0);
      ring.harvest((low) => {
        order.push(low);
        if (order.length % 1000 === 1) more();
      });
    }
    assert.deepEqual(
      order,
      Array.from({ length: 30_000 }, (_, i) => i),
    );
    close();
    ring.close();
  });

  it("waits no longer than it is told", () => {
    const { ring } = open();
    ring.submit(1);
    ring.submit(0.01);
    assert.equal(ring.ready, false);
    ring.close();
  });

  it("writes down what it has, and crosses it out when it is closed", () => {
    const { ring, ledger } = open();
    assert.deepEqual([...ledger.descriptors()], [ring.fd]);
    assert.ok([...ledger.memory()].length >= 3);
    ring.close();
    assert.deepEqual([...ledger.descriptors()], []);
    assert.deepEqual([...ledger.memory()], []);
  });

  it("lets nobody name memory that is not in a mapping", () => {
    const { libc, ledger, ring } = open();
    const mapping = Mapping.anonymous(libc, ledger, 8192);
    assert.ok(mapping.at(8192, 0) - mapping.at(0, 8192) === 8192);
    for (const [offset, length] of [
      [-1, 1],
      [0, 8193],
      [8192, 1],
      [1, -1],
      [Number.NaN, 1],
      [0, Number.NaN],
      [2 ** 53, 1],
    ] as const) {
      assert.throws(() => mapping.at(offset, length), RangeError);
    }
    const view = new Uint8Array(mapping.buffer);
    view[0] = 1;
    mapping.unmap();
    mapping.unmap();
    assert.equal(view.length, 0, "a view that is left has no memory under it");
    ring.close();
  });

  it("gives errors of the system back as negative numbers", () => {
    const { libc, ring } = open();
    assert.equal(libc.error("socket", 24).code, "EMFILE");
    // EAFNOSUPPORT, EBADF.
    assert.equal(libc.socket(9999, 1), -97);
    assert.equal(libc.listen(-1, 1), -9);
    ring.close();
  });
});
