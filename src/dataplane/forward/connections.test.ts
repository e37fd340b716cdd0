/** Connections to backends: how they are made, shared, waited for and given back. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { SocketAddress } from "#transport/contract.ts";
import { answer, originAddress, play, type MemorySceneOptions } from "../memory-scene.fixture.ts";

const GET = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";
const NOWHERE: SocketAddress = { kind: "tcp", host: "10.0.0.99", port: 1 };
const answering: MemorySceneOptions = { script: (peer) => peer.send(answer("200 OK")) };

describe("an endpoint with several addresses", () => {
  it("is tried at the next one as soon as one refuses", async () => {
    const addresses = [NOWHERE, NOWHERE, originAddress(0)];
    await play({ ...answering, addresses }, (stage) => {
      assert.match(stage.client(GET).text, /^HTTP\/1.1 200 /);
    });
  });

  it("is tried at the next one beside the first, which is given up once another is up", async () => {
    await play({ ...answering, addresses: [NOWHERE, originAddress(0)] }, (stage) => {
      stage.network.behave(NOWHERE, { silent: true });
      const client = stage.client(GET);
      stage.network.advance(249);
      assert.equal(client.text, "");
      stage.network.advance(1);
      assert.match(client.text, /^HTTP\/1.1 200 /);
      assert.equal(stage.proxy.endpoints.connections(0), 1);
      assert.equal([...stage.network.connections].length, 4, "two connections, both ends");
    });
  });

  it("fails with what says most: that nothing listens at one, not that there is no way to another", async () => {
    const addresses = [NOWHERE, { ...NOWHERE, port: 2 }];
    await play({ addresses, retries: { attempts: 0 } }, (stage) => {
      stage.network.behave(addresses[1]!, {
        refuse: { code: "unreachable", detail: "ENETUNREACH" },
      });
      assert.match(stage.client(GET).text, /^HTTP\/1.1 502 /);
      assert.equal(stage.proxy.records[0]!.failure, "connect_refused");
    });
  });

  it("fails when the time for all of them is over, and leaves nothing when the client leaves before", async () => {
    const retries = { attempts: 0 };
    const addresses = [NOWHERE, { ...NOWHERE, port: 2 }, { ...NOWHERE, port: 3 }];
    await play({ addresses, retries, upstreamTimeouts: { connect: 400 } }, (stage) => {
      for (const address of addresses) stage.network.behave(address, { silent: true });
      const client = stage.client(GET);
      stage.network.advance(399);
      assert.equal(client.text, "");
      stage.network.advance(2);
      assert.match(client.text, /^HTTP\/1.1 504 /);
      assert.equal(stage.proxy.records[0]!.failure, "connect_timeout");
      const leaves = stage.client(GET);
      stage.network.advance(100);
      leaves.connection!.abort();
      stage.run();
      assert.equal(stage.proxy.endpoints.connections(0), 0);
    });
  });
});

describe("a limited number of connections", () => {
  const limited: MemorySceneOptions = {
    pool: { maxConnections: 1, maxPending: 2, queueTimeout: 1000 },
    retries: { attempts: 0 },
  };

  it("is waited for in order, by as many as may, for as long as they may", async () => {
    await play(limited, (stage) => {
      const clients = [1, 2, 3, 4].map((id) =>
        stage.client(`GET /${id} HTTP/1.1\r\nHost: test\r\n\r\n`),
      );
      assert.match(clients[3]!.text, /^HTTP\/1.1 503 [^]*queue_full/);
      assert.equal(stage.proxy.endpoints.pending(0), 2);
      stage.network.advance(500);
      const backend = stage.backends[0]!;
      backend.send(answer("200 OK", "first"));
      stage.run();
      assert.match(clients[0]!.text, /first$/);
      assert.match(backend.text, /GET \/2 /);
      stage.network.advance(600);
      assert.match(clients[2]!.text, /^HTTP\/1.1 503 [^]*queue_timeout/);
      assert.equal(stage.proxy.endpoints.pending(0), 0);
      backend.send(answer("200 OK", "second"));
      stage.run();
      assert.match(clients[1]!.text, /second$/);
      assert.equal(stage.backends.length, 1);
    });
  });

  it("goes to the next one who waits when a connection breaks, or when somebody in the queue leaves", async () => {
    await play(limited, (stage) => {
      const clients = [1, 2, 3].map((id) =>
        stage.client(`GET /${id} HTTP/1.1\r\nHost: test\r\n\r\n`),
      );
      clients[1]!.connection!.abort();
      stage.run();
      assert.equal(stage.proxy.endpoints.pending(0), 1);
      stage.backends[0]!.connection!.abort();
      stage.run();
      assert.match(clients[0]!.text, /^HTTP\/1.1 502 /);
      assert.match(stage.backends[1]!.text, /GET \/3 /);
    });
  });

  it("is refused to all who wait when the endpoint has lost its addresses", async () => {
    const pool = { maxConnections: 1, maxPending: 20, queueTimeout: 60_000 };
    await play({ ...limited, pool }, (stage) => {
      stage.client(GET);
      const clients = Array.from({ length: 20 }, () => stage.client(GET));
      assert.equal(stage.proxy.endpoints.pending(0), 20);
      stage.proxy.apply({ backends: [originAddress(0)], ...limited, pool, addresses: [] });
      stage.backends[0]!.connection!.abort();
      stage.run();
      for (const client of clients) assert.match(client.text, /upstream_unresolved/);
      assert.equal(stage.proxy.endpoints.pending(0), 0);
    });
  });

  it("is not lost to a new connection that takes the place of a dead one", async () => {
    const pool = { maxConnections: 2, maxPending: 2, queueTimeout: 1000 };
    await play({ pool }, (stage) => {
      const [one, two] = [stage.client(GET), stage.client(GET)];
      for (const backend of stage.backends) backend.send(answer("200 OK"));
      stage.run();
      assert.equal(stage.proxy.endpoints.idle(0), 2);
      // Both are idle; the one that is used first breaks with the request, and both are new from then on.
      for (const backend of stage.backends) backend.connection!.pause();
      one.send(GET);
      stage.run();
      for (const backend of stage.backends) backend.connection!.abort();
      stage.run();
      stage.backends.at(-1)!.send(answer("200 OK", "again"));
      stage.run();
      assert.match(one.text, /again$/);
      assert.equal(two.text.split("HTTP/1.1").length, 2);
    });
  });
});

describe("a connection that was used", () => {
  const after = async (
    bytes: string,
    check: (open: number, idle: number) => void,
  ): Promise<void> => {
    for (let seed = 1; seed <= 10; seed++) {
      await play({ seed }, (stage) => {
        const client = stage.client(GET);
        stage.backends[0]!.send(bytes);
        stage.run();
        assert.match(client.text, /^HTTP\/1.1 \d/);
        assert.ok(!client.text.includes("smuggled"));
        check(stage.proxy.endpoints.connections(0), stage.proxy.endpoints.idle(0));
      });
    }
  };
  const kept = (open: number, idle: number): void => assert.deepEqual([open, idle], [1, 1]);
  const closed = (open: number, idle: number): void => assert.deepEqual([open, idle], [0, 0]);

  it("is kept after an answer that leaves no doubt", async () => {
    await after(answer("200 OK", "body"), kept);
    await after(answer("200 OK", "body", "Keep-Alive: timeout=5"), kept);
    await after("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", kept);
    await after("HTTP/1.1 204 No Content\r\n\r\n", kept);
  });

  it("is closed after any other", async () => {
    await after(answer("200 OK", "body", "Connection: close"), closed);
    await after(answer("200 OK", "body", "Keep-Alive: timeout=1"), closed);
    await after(`${answer("200 OK", "body")}HTTP/1.1 200 OK\r\n\r\nsmuggled`, closed);
    await after("HTTP/1.1 304 Not Modified\r\nContent-Length: 8\r\n\r\nsmuggled", closed);
    await after("HTTP/1.1 204 No Content\r\nContent-Length: 8\r\n\r\nsmuggled", closed);
    await after("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", closed);
  });

  it("is closed when its backend speaks unasked, ends it, or is not asked again for long", async () => {
    await play({ ...answering, pool: { idle: 4000 } }, (stage) => {
      for (const end of ["speaks", "ends", "waits"]) {
        const backends = stage.backends.length;
        assert.match(stage.client(GET).text, /^HTTP\/1.1 200 /);
        assert.equal(stage.backends.length, backends + 1);
        const backend = stage.backends.at(-1)!;
        assert.equal(stage.proxy.endpoints.idle(0), 1);
        if (end === "speaks") backend.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled");
        else if (end === "ends") backend.connection!.end();
        stage.network.advance(end === "waits" ? 4000 : 0);
        assert.deepEqual(
          [stage.proxy.endpoints.connections(0), stage.proxy.endpoints.idle(0)],
          [0, 0],
          end,
        );
      }
    });
  });

  it("is not given to a request if it is known to be dead, so that no request is lost to it", async () => {
    for (let seed = 1; seed <= 100; seed++) {
      await play({ ...answering, seed }, (stage) => {
        const client = stage.client(GET);
        stage.backends[0]!.connection!.abort();
        client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n");
        stage.run();
        assert.match(client.text, /^HTTP\/1.1 200 [^]*HTTP\/1.1 200 /);
      });
    }
  });
});

it("a body that arrived before its connection was up goes out, and the rest follows", async () => {
  for (const first of [60_000, 70_000, 100_000, 140_000]) {
    await play({ pool: { maxConnections: 1 } }, (stage) => {
      const before = stage.client(GET);
      const client = stage.client(
        `POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 200000\r\n\r\n${"x".repeat(first)}`,
      );
      stage.backends[0]!.send(answer("200 OK"));
      stage.run();
      assert.match(before.text, /^HTTP\/1.1 200 /);
      client.send("y".repeat(200_000 - first));
      stage.run();
      assert.ok(stage.backends[0]!.text.endsWith("y"));
      stage.backends[0]!.send(answer("200 OK", "done"));
      stage.run();
      assert.match(client.text, /done$/);
    });
  }
});
