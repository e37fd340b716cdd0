/** Clients that leave early have leaked sockets and memory in proxies built on Node's own http module. */

import assert from "node:assert/strict";
import { get, request } from "../../harness/client.ts";
import { scene } from "../../harness/scene.ts";

// http-proxy-middleware 782; node-http-proxy 1559, 1687; configurable-http-proxy 434
for (const leave of ["reset", "end"] as const) {
  scene(`clients that ${leave} while they wait free their backends`, {}, async (stage) => {
    for (let i = 0; i < 100; i++) {
      const { client, backend } = await stage.exchange(get(`/${i}`));
      await backend.readHead();
      client[leave]();
      assert.equal(await backend.ended, "reset");
      assert.equal((await stage.proxy.nextRecord()).failure, "client_gone");
    }
    assert.equal(stage.origin.open, 0);
    assert.equal(stage.proxy.endpoints.connections(0), 0);
  });

  scene(
    `clients that ${leave} in the middle of an answer free their backends`,
    {},
    async (stage) => {
      for (let i = 0; i < 100; i++) {
        const { client, backend } = await stage.exchange(get(`/${i}`));
        await backend.readHead();
        backend.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nbegin");
        await client.readThrough("begin");
        client[leave]();
        assert.equal(await backend.ended, "reset");
        const record = await stage.proxy.nextRecord();
        assert.equal(record.failure, "client_gone");
        assert.equal(record.status, 200);
      }
      assert.equal(stage.origin.open, 0);
      assert.equal(stage.proxy.endpoints.connections(0), 0);
    },
  );

  scene(
    `clients that ${leave} in the middle of an upload free their backends`,
    {},
    async (stage) => {
      for (let i = 0; i < 100; i++) {
        const { client, backend } = await stage.exchange(
          request("POST / HTTP/1.1", ["Content-Length: 1000000"], "begin"),
        );
        await backend.readThrough("begin");
        client[leave]();
        assert.equal(await backend.ended, "reset");
        assert.equal((await stage.proxy.nextRecord()).failure, "client_gone");
      }
      assert.equal(stage.origin.open, 0);
    },
  );
}

// vite 4794; vue-cli 6509
scene(
  "clients that leave are told of at debug level as 499 and nowhere else",
  {},
  async (stage) => {
    for (let i = 0; i < 20; i++) {
      const { client, backend } = await stage.exchange(get("/"));
      await backend.readHead();
      client.reset();
      const record = await stage.proxy.nextRecord();
      assert.equal(record.status, 499);
      assert.equal(record.failure, "client_gone");
    }
    assert.deepEqual(stage.proxy.logs, []);
  },
);
