/** A backend that does not accept: its queue of connections is full and its thread asleep. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { after, before } from "node:test";
import { Worker } from "node:worker_threads";
import { get, post } from "../../harness/client.ts";
import { answering, response, startOrigin } from "../../harness/origin.ts";
import { scene, until } from "../../harness/scene.ts";
import { statusOf } from "../../harness/wire.ts";

let worker: Worker;
let port = 0;
const fillers: Socket[] = [];

before(async () => {
  worker = new Worker(
    `const { parentPort } = require("node:worker_threads");
     const server = require("node:net").createServer();
     server.listen({ host: "127.0.0.1", port: 0, backlog: 1 }, () => {
       parentPort.postMessage(server.address().port);
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
     });`,
    { eval: true },
  );
  [port] = (await once(worker, "message")) as [number];
  // Linux queues one more than the backlog; what comes then is not answered at all.
  for (let i = 0; i < 2; i++) {
    const filler = connect({ host: "127.0.0.1", port });
    await once(filler, "connect");
    fillers.push(filler);
  }
});
after(async () => {
  for (const filler of fillers) filler.destroy();
  await worker.terminate();
});

for (const [method, text] of [
  ["GET", get("/")],
  ["POST", post("/", "the body")],
]) {
  scene(
    `${method}: a backend that hangs in connect gives 504 connect_timeout`,
    () => ({ backends: [port], upstreamTimeouts: { connect: 60 } }),
    async ({ client, proxy }) => {
      const wire = await client();
      wire.send(text!);
      assert.equal(statusOf(await wire.readResponse()), 504);
      const record = await proxy.nextRecord();
      assert.equal(record.failure, "connect_timeout");
      assert.equal(record.attempts, 2);
    },
  );
}

scene(
  "a client that leaves while its backend hangs in connect gives the attempt up",
  () => ({ backends: [port], upstreamTimeouts: { connect: 60_000 } }),
  async ({ client, proxy }) => {
    const wire = await client();
    wire.send(post("/", "the body"));
    await until(() => proxy.endpoints.connections(0) > 0);
    wire.reset();
    const record = await proxy.nextRecord();
    assert.equal(record.failure, "client_gone");
    assert.equal(proxy.endpoints.connections(0), 0);
  },
);

scene(
  "the second address of a name is tried beside the first that hangs",
  async (origin) => {
    void origin;
    const other = await startOrigin(answering(response("200 OK", "the second address")));
    others.push(other);
    return {
      backends: [port],
      addresses: [
        { kind: "tcp", host: "127.0.0.1", port },
        { kind: "tcp", host: "127.0.0.1", port: other.port },
      ],
    };
  },
  async ({ client, proxy }) => {
    const wire = await client();
    wire.send(get("/"));
    assert.equal((await wire.readResponse()).body.toString(), "the second address");
    const record = await proxy.nextRecord();
    assert.equal(record.attempts, 1);
    assert.equal(record.failure, null);
  },
);
const others: Awaited<ReturnType<typeof startOrigin>>[] = [];
after(async () => {
  for (const other of others) await other.close();
});
