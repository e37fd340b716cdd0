/** Connections that are passed on unopened, by the server name of TLS alone. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { type SceneOptions, scene, until } from "../../harness/scene.ts";
import { closedPort, response } from "../../harness/origin.ts";
import {
  HOST,
  certificates,
  connectSecurely,
  refusal,
  secured,
  startSecureOrigin,
} from "../../harness/tls.ts";
import { statusOf } from "../../harness/wire.ts";

const PASSED = "a.wild.test";

/** A scene whose backend has a certificate of its own, for a name that is passed through. */
function passed(
  name: string,
  more: SceneOptions,
  play: (
    proxy: Parameters<Parameters<typeof scene>[2]>[0]["proxy"],
    server: Awaited<ReturnType<typeof startSecureOrigin>>,
  ) => Promise<void>,
): void {
  let server: Awaited<ReturnType<typeof startSecureOrigin>>;
  scene(
    name,
    async () => {
      const { rsa } = certificates();
      server = await startSecureOrigin({ cert: rsa.chain, key: rsa.key }, (head, socket) =>
        response("200 OK", `${socket.servername} ${head.split("\r\n")[0]}`),
      );
      const tls = await secured({ passThrough: [[PASSED, "app"]] });
      return { ...tls, backends: [server.port], ...more };
    },
    async ({ proxy }) => {
      try {
        await play(proxy, server);
      } finally {
        await server.close();
      }
    },
  );
}

passed("the backend's own certificate is what the client sees", {}, async (proxy) => {
  const client = await connectSecurely(proxy.port, { servername: PASSED });
  assert.equal(client.socket.getPeerX509Certificate()?.publicKey.asymmetricKeyType, "rsa");
  for (const target of ["/1", "/2"]) {
    client.send(`GET ${target} HTTP/1.1\r\nHost: ${PASSED}\r\n\r\n`);
    const answer = await client.readResponse();
    assert.equal(statusOf(answer), 200);
    assert.equal(answer.body.toString(), `${PASSED} GET ${target} HTTP/1.1`);
  }
  assert.equal(proxy.worker.totals().tunnels, 1);
  assert.equal(proxy.endpoints.inFlight(0), 1);
  assert.equal(proxy.records.length, 0);
  client.end();
  await until(() => proxy.worker.totals().connections === 0);
});

passed("other names are opened here", {}, async (proxy) => {
  const client = await connectSecurely(proxy.port, { servername: HOST });
  assert.equal(client.socket.getPeerX509Certificate()?.publicKey.asymmetricKeyType, "ec");
  client.socket.destroy();
});

passed("ten megabytes pass through in both directions at once", {}, async (proxy, { server }) => {
  server.removeAllListeners("secureConnection");
  server.on("secureConnection", (socket) => socket.on("error", () => undefined).pipe(socket));
  const client = await connectSecurely(proxy.port, { servername: PASSED });
  const bytes = 10 * 2 ** 20;
  await client.pour(bytes);
  await until(() => client.received === bytes);
  client.socket.destroy();
  await until(() => proxy.worker.totals().connections === 0);
});

scene(
  "a backend that is not there is tried once for each endpoint, then the client's connection is cut",
  async () => ({
    ...(await secured({ passThrough: [[PASSED, "app"]] })),
    backends: [await closedPort(), await closedPort()],
  }),
  async ({ proxy }) => {
    assert.match(
      await refusal(proxy.port, { servername: PASSED }),
      /ECONNRESET|closed|disconnected/,
    );
    await until(() => proxy.worker.totals().tunnels === 0);
    assert.deepEqual(
      proxy.logs.map(({ code }) => code),
      ["connect_refused"],
    );
  },
);

passed(
  "a client that leaves while the backend is being connected to leaves nothing behind",
  {},
  async (proxy) => {
    for (let turns = 0; turns < 20; turns++) {
      const socket = connect(proxy.port, "127.0.0.1");
      socket.on("error", () => undefined);
      socket.write(helloFor(PASSED));
      await once(socket, "connect");
      // Each leaves at another moment: before it was accepted, while its hello is read, while the backend is dialled.
      for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
      socket.resetAndDestroy();
    }
    await until(() => proxy.worker.totals().connections === 0);
    assert.equal(proxy.endpoints.inFlight(0), 0);
  },
);

/** The smallest ClientHello of TLS 1.2 that has a server name (RFC 8446 §4.1.2, RFC 6066 §3). */
function helloFor(name: string): Uint8Array {
  const host = Buffer.from(name);
  const list = Buffer.concat([Buffer.of(0, 0, host.length), host]);
  const extension = Buffer.concat([Buffer.of(0, 0, 0, list.length + 2, 0, list.length), list]);
  const body = Buffer.concat([
    Buffer.of(3, 3),
    Buffer.alloc(32, 7),
    Buffer.of(0, 0, 2, 0xc0, 0x2b, 1, 0, 0, extension.length),
    extension,
  ]);
  const message = Buffer.concat([Buffer.of(1, 0, 0, body.length), body]);
  return Buffer.concat([Buffer.of(22, 3, 1, 0, message.length), message]);
}
