/** How exchanges and connections end: bodies that are not there, old clients, `Expect`, drains. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { CONTINUE, type Verdict } from "#sdk/filter.ts";
import { inlineFilter } from "../../test/harness/proxy.ts";
import { answer, play, type MemoryScene, type Peer } from "./memory-scene.fixture.ts";

const GET = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";

describe("a body is delivered with its head", () => {
  const late = (): Promise<Verdict> => Promise.resolve(CONTINUE);
  for (const [what, hook] of [
    ["without filters", null],
    ["past a filter that answers at once", (): Verdict => CONTINUE],
    ["past a filter that thinks", late],
  ] as const) {
    it(`whatever came of it with the backend's head, ${what}`, async () => {
      const options =
        hook === null
          ? {}
          : {
              route: { filters: [inlineFilter("hook")] },
              inline: () => ({ name: "hook", onResponseHead: hook }),
            };
      for (const size of [1, 100, 4095, 4096, 4097, 20_000]) {
        const text = answer("200 OK", "b".repeat(size));
        const head = text.length - size;
        for (const cut of [text.length, head, head + 1, head + size - 1]) {
          await play(options, async (stage) => {
            const client = stage.client(GET);
            stage.backends[0]!.send(text.slice(0, cut));
            await stage.turns();
            stage.backends[0]!.send(text.slice(cut));
            await stage.turns();
            const [first = "", body] = client.text.split("\r\n\r\n");
            assert.match(first, new RegExp(`Content-Length: ${size}$`));
            assert.equal(body, "b".repeat(size));
          });
        }
      }
    });
  }
});

describe("answers without a body", () => {
  const cases: [string, string, string, RegExp][] = [
    ["HEAD", "HEAD", answer("200 OK").replace(": 0", ": 5"), /Content-Length: 5\r\n/],
    ["HEAD with bytes behind it", "HEAD", answer("200 OK", "bytes"), /Content-Length: 5\r\n/],
    [
      "HEAD of a chunked one",
      "HEAD",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
      /200 OK/,
    ],
    [
      "304",
      "GET",
      "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
      /Content-Length: 5\r\n/,
    ],
    [
      "304 with bytes behind it",
      "GET",
      "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nbytes",
      /304 /,
    ],
    [
      "204 with bytes behind it",
      "GET",
      "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nbytes",
      /204 /,
    ],
  ];
  for (const [what, method, text, expected] of cases) {
    it(`end with their head: ${what}`, async () => {
      await play({}, (stage) => {
        const client = stage.client(`${method} / HTTP/1.1\r\nHost: test\r\n\r\n${GET}`);
        stage.backends[0]!.send(text);
        stage.run();
        stage.backends.at(-1)!.send(answer("200 OK", "next"));
        stage.run();
        assert.match(client.text, expected);
        assert.match(client.text, /^HTTP\/1.1 [^]*?\r\n\r\nHTTP\/1.1 200 OK\r\n[^]*next$/);
        assert.ok(!client.text.includes("bytes"));
      });
    });
  }

  it("also if the proxy makes them", async () => {
    await play({ routes: [] }, (stage) => {
      const client = stage.client("HEAD / HTTP/1.1\r\nHost: test\r\n\r\n".repeat(2));
      assert.match(
        client.text,
        /^HTTP\/1.1 404 [^]*?Content-Length: [1-9]\d*\r\n\r\nHTTP\/1.1 404 [^]*\r\n\r\n$/,
      );
    });
  });
});

describe("an HTTP/1.0 client", () => {
  const get = "GET / HTTP/1.0\r\n";

  it("gets a body of unknown length up to the end of the connection, and a broken one cut", async () => {
    for (const whole of [true, false]) {
      await play({}, (stage) => {
        const client = stage.client(`${get}Connection: keep-alive\r\n\r\n`);
        assert.match(stage.backends[0]!.text, /^GET \/ HTTP\/1.1\r\nHost: 10.0.0.9\r\n/);
        stage.backends[0]!.send(
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n",
        );
        stage.run();
        if (whole) stage.backends[0]!.send("0\r\nX-Trailer: 1\r\n\r\n");
        else stage.backends[0]!.connection!.abort();
        stage.run();
        assert.match(client.text, /^HTTP\/1.1 200 OK\r\n[^]*Connection: close\r\n\r\nbegin$/);
        assert.equal(client.ended, whole);
        assert.equal(client.failure?.code, whole ? undefined : "reset");
      });
    }
  });

  it("keeps its connection if it asks for that and the length is known, and gets no interim answers", async () => {
    await play({}, (stage) => {
      const client = stage.client(`${get}Connection: keep-alive\r\n\r\n`);
      stage.backends[0]!.send(
        `HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${answer("200 OK", "one")}`,
      );
      stage.run();
      assert.match(client.text, /^HTTP\/1.1 200 OK\r\n[^]*Connection: keep-alive\r\n\r\none$/);
      client.send(`${get}\r\n`);
      stage.run();
      stage.backends[0]!.send(answer("200 OK", "two"));
      stage.run();
      assert.match(client.text, /Connection: close\r\n\r\ntwo$/);
      assert.ok(client.ended);
    });
  });
});

describe("a client that expects 100", () => {
  const post = "POST / HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";

  it("gets it from the backend, and sends its body then", async () => {
    await play({}, (stage) => {
      const client = stage.client(post);
      const backend = stage.backends[0]!;
      assert.match(backend.text, /Expect: 100-continue\r\n/i);
      backend.send("HTTP/1.1 100 Continue\r\n\r\n");
      stage.run();
      assert.match(client.text, /^HTTP\/1.1 100 Continue\r\n[^]*\r\n\r\n$/);
      client.send("body");
      stage.run();
      assert.match(backend.text, /body$/);
      backend.send(answer("200 OK"));
      stage.run();
      assert.match(client.text, /HTTP\/1.1 200 OK\r\n(?![^]*Connection: close)/);
    });
  });

  it("gets a refusal and the end of the connection, since nobody can tell whether the body still comes", async () => {
    await play({}, (stage) => {
      const client = stage.client(post);
      stage.backends[0]!.send(answer("403 Forbidden", "no"));
      stage.run();
      assert.match(client.text, /^HTTP\/1.1 403 [^]*Connection: close\r\n\r\nno$/);
      assert.ok(client.ended);
      client.send("body");
      stage.run();
      assert.equal(stage.proxy.records.length, 1);
      assert.equal(
        stage.proxy.endpoints.connections(0),
        0,
        "that backend may still wait for the body",
      );
    });
  });

  it("is waited for by nobody but its backend", async () => {
    await play({ upstreamTimeouts: { firstByte: 90_000 } }, (stage) => {
      const client = stage.client(post);
      stage.network.advance(89_000);
      assert.equal(client.text, "");
      stage.network.advance(2000);
      assert.match(client.text, /^HTTP\/1.1 504 /);
    });
  });
});

describe("a drain", () => {
  const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
  const ACCEPT = createHash("sha1")
    .update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest("base64");

  function upgraded(stage: MemoryScene): { client: Peer; backend: Peer } {
    const client = stage.client(
      `GET / HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`,
    );
    const backend = stage.backends.at(-1)!;
    backend.send(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`,
    );
    stage.run();
    return { client, backend };
  }

  /** Begins one and tells whether it has ended. */
  function drain(stage: MemoryScene, deadline: number): { ended: boolean } {
    const state = { ended: false };
    void stage.proxy.dataPlane.drain(deadline).then(() => (state.ended = true));
    stage.run();
    return state;
  }

  it("closes what is unused at once, and the rest after the answers that are under way", async () => {
    await play({}, async (stage) => {
      const unused = stage.client();
      const kept = stage.client(GET);
      stage.backends[0]!.send(answer("200 OK"));
      stage.run();
      const busy = stage.client(GET + GET);
      const half = stage.client("GET / HT");
      const sending = stage.client("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nbo");
      const state = drain(stage, 60_000);
      assert.ok(unused.ended && kept.ended);
      stage.backends[0]!.send(answer("200 OK", "answer"));
      half.send("TP/1.1\r\nHost: test\r\n\r\n");
      sending.send("dy");
      stage.run();
      for (const backend of stage.backends.slice(1)) backend.send(answer("200 OK", "answer"));
      await stage.turns();
      for (const client of [busy, half, sending]) {
        assert.match(client.text, /^HTTP\/1.1 200 OK\r\n[^]*Connection: close\r\n\r\nanswer$/);
        client.connection!.close();
      }
      await stage.turns();
      assert.ok(state.ended);
      assert.equal(stage.proxy.endpoints.connections(0), 0, "no connection is kept for later");
      assert.equal(stage.network.timers.size, 0);
    });
  });

  it("closes tunnels at its deadline, and cuts what then still is there", async () => {
    await play({}, async (stage) => {
      const { client, backend } = upgraded(stage);
      const stuck = upgraded(stage);
      stuck.client.connection!.pause();
      stuck.backend.send("x".repeat(100_000));
      const waits = stage.client(GET);
      const state = drain(stage, 5000);
      client.send("still");
      stage.network.advance(4999);
      assert.match(backend.text, /still$/);
      assert.equal(waits.closed, false);
      stage.network.advance(1);
      assert.ok(client.ended && backend.closed && waits.closed);
      const failures = stage.proxy.records.map(({ failure }) => failure);
      assert.equal(failures.filter((one) => one === "drain_expired").length, 1);
      assert.equal(stage.proxy.worker.totals().tunnels, 1);
      stage.network.advance(1000);
      await stage.turns();
      assert.ok(state.ended);
      assert.equal(stage.proxy.worker.totals().tunnels, 0);
    });
  });

  it("takes with it what waits for a backend, for a place, for another try, or for a filter", async () => {
    const never = Promise.withResolvers<Verdict>();
    const filter = {
      onRequestHead: ({ request }: { request: { path: string } }) =>
        request.path === "/filter" ? never.promise : CONTINUE,
    };
    const options = {
      pool: { maxConnections: 1 },
      retries: { statuses: [503], attempts: 1 },
      route: { filters: [inlineFilter("waits")] },
      inline: () => filter,
    };
    await play(options, async (stage) => {
      const clients = [
        stage.client(GET),
        stage.client(GET),
        stage.client("GET /filter HTTP/1.1\r\nHost: test\r\n\r\n"),
      ];
      stage.backends[0]!.send(answer("503 Busy", "", "Retry-After: 2"));
      stage.run();
      const state = drain(stage, 1000);
      stage.network.advance(1000);
      await stage.turns();
      assert.ok(state.ended && clients.every((client) => client.closed));
      never.resolve(CONTINUE);
      await stage.turns();
      assert.deepEqual(
        stage.proxy.records.map(({ failure }) => failure),
        ["drain_expired", "drain_expired", "drain_expired"],
      );
      assert.equal(stage.proxy.endpoints.pending(0), 0);
      assert.equal(stage.proxy.endpoints.connections(0), 0);
      assert.equal(stage.network.timers.size, 0);
    });
  });
});
