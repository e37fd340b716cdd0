import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { test } from "node:test";

import { startBackend } from "../../harness/app.ts";
import { connectTo, get } from "../../harness/client.ts";
import { startSluice } from "../../harness/sluice.ts";
import { type Message, statusOf, valueOf, type Wire } from "../../harness/wire.ts";
import { ask, canCountDescriptors, descriptorsOf, until } from "./facts.ts";

/** Enough for the process itself and some connections. */
const LIMIT = 80;
const KEPT = 12;
const MORE_THAN_FIT = 150;

/** A request on a connection that stays. */
function askOn(wire: Wire, target: string): Promise<Message> {
  wire.send(get(target));
  return wire.readResponse();
}

test(
  "without descriptors left nothing breaks: who is connected is served, who comes is turned away, and later all are served again",
  { skip: canCountDescriptors ? false : "needs /proc" },
  async (t) => {
    const held: ServerResponse[] = [];
    const backend = await startBackend(t, (incoming, outgoing) => {
      if (incoming.url === "/hold") held.push(outgoing);
      else outgoing.end("ok");
    });
    const sluice = await startSluice(t, {
      shell: `ulimit -n ${LIMIT}; exec "$0" "$@"`,
      files: {
        "sluice.yaml": `
listen: 127.0.0.1:0
admin: off
workers: 2
upstreams:
  app: { endpoints: "http://127.0.0.1:${backend}", connections: { idle: 1h } }
  fresh: "http://127.0.0.1:${backend}"
routes:
  - { match: /hold, to: fresh }
  - { match: /*, to: app }
`,
      },
    });
    const port = Number(new URL(sluice.url).port);
    const kept = await Promise.all(Array.from({ length: KEPT }, () => connectTo(port)));
    const first = await Promise.all(kept.map((wire) => askOn(wire, "/")));
    assert.deepEqual([...new Set(first.map(statusOf))], [200]);

    // Until no descriptor is left for clients: whoever comes then is turned away. Some remain, for connections to
    // backends and the process itself: at the limit Node would ask again and again whether it can accept.
    const crowd = await Promise.all(Array.from({ length: MORE_THAN_FIT }, () => connectTo(port)));
    await until(() => crowd.filter(({ ending }) => ending !== null).length > MORE_THAN_FIT / 2);
    assert.ok(descriptorsOf(sluice.pid) < LIMIT - 2);
    await sluice.said(/"level":50,[^\n]*"code":"descriptors_exhausted"/);

    for (const wire of kept) assert.equal(statusOf(await askOn(wire, "/")), 200);

    // Each of these needs a connection of its own to the backend.
    const refused: Message[] = [];
    const served = kept.map(async (wire) => {
      const answer = await askOn(wire, "/hold");
      if (statusOf(answer) !== 200) refused.push(answer);
    });
    await until(() => held.length + refused.length === KEPT);
    assert.ok(held.length > 0);
    assert.ok(refused.length > 0);
    for (const answer of refused) {
      assert.equal(statusOf(answer), 503);
      assert.match(
        valueOf(answer, "proxy-status") ?? "",
        /error=proxy_internal_error; details="descriptors_exhausted"/,
      );
    }
    await sluice.said(/"status":503[^\n]*"descriptors_exhausted"/);
    for (const response of held) response.end();
    await Promise.all(served);

    for (const wire of crowd) wire.reset();
    await until(async () => (await ask(`${sluice.url}/`).catch(() => null))?.status === 200);
    for (const wire of kept) assert.equal(statusOf(await askOn(wire, "/")), 200);
    const lines = sluice.stderr().split("\n");
    // A line of each worker in ten seconds, whatever the number of clients.
    assert.ok(lines.filter((line) => line.includes("descriptors_exhausted")).length <= 8);
    for (const wire of kept) wire.end();
    await sluice.stop();
  },
);
