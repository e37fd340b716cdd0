/** Clients that never read what they asked for are in nobody's way, and leave nothing behind. */

import assert from "node:assert/strict";
import { get } from "../../harness/client.ts";
import { scene, until } from "../../harness/scene.ts";
import { statusOf, type Wire } from "../../harness/wire.ts";

/** More would fill the memory that the kernel has for TCP, and be slow for its own reasons. */
const MANY = 200;
const TEN_MEBIBYTES = Buffer.alloc(10 * 1024 * 1024, "l");
const HEAD = `HTTP/1.1 200 OK\r\nContent-Length: ${TEN_MEBIBYTES.length}\r\n\r\n`;

/** Answers `/large` with as much as the other side takes, and everything else with its path. */
async function serve(wire: Wire): Promise<void> {
  for (;;) {
    const { startLine } = await wire.readRequest();
    const [, path = ""] = startLine.split(" ");
    if (path === "/large") {
      wire.send(HEAD);
      wire.send(TEN_MEBIBYTES);
    } else {
      wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`);
    }
  }
}

scene(
  `${MANY} clients that never read an answer of 10 MiB keep nobody else from being served, and leave nothing`,
  { script: serve },
  async ({ client, proxy }) => {
    const other = await client();
    const ask = async (path: string): Promise<void> => {
      other.send(get(path));
      const answer = await other.readResponse();
      assert.equal(statusOf(answer), 200);
      assert.equal(String(answer.body), path);
    };
    await ask("/before");
    const readers: Wire[] = [];
    for (let i = 0; i < MANY; i++) {
      const reader = await client();
      reader.pause();
      reader.send(get("/large"));
      readers.push(reader);
      // In the middle of the rush too.
      if (i % 50 === 0) await ask(`/meanwhile/${i}`);
    }
    await until(() => proxy.worker.totals().exchanges === MANY);
    for (let i = 0; i < 100; i++) await ask(`/with/${i}`);
    const [late, ...others] = readers;
    for (const reader of others) reader.reset();
    await until(() => proxy.worker.totals().exchanges === 1);
    // One begins to read after all, and gets everything. Not before: the kernel's memory is what the others fill.
    late!.resume();
    const { body } = await late!.readResponse();
    assert.ok(body.equals(TEN_MEBIBYTES));
    // What is counted is compared when the scene ends.
    await until(() => proxy.worker.totals().exchanges === 0);
    await ask("/after");
  },
);
