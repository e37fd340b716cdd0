/** Configurations and certificates that change while connections by TLS begin, and while backends are connected to. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import * as tls from "node:tls";
import { get } from "../../harness/client.ts";
import { answering, response } from "../../harness/origin.ts";
import { scene, until } from "../../harness/scene.ts";
import {
  HOST,
  certificateData,
  certificates,
  connectSecurely,
  refusal,
  secured,
  startSecureOrigin,
} from "../../harness/tls.ts";
import { statusOf } from "../../harness/wire.ts";

const ask = (host = HOST): string => `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

/** TLS over a connection that is up already. */
async function secureLater(port: number): Promise<{ begin(name: string): tls.TLSSocket }> {
  const socket = connect({ host: "127.0.0.1", port });
  await once(socket, "connect");
  return {
    begin: (servername) => tls.connect({ socket, servername, ca: certificates().root }),
  };
}

scene(
  "what becomes of a connection is decided by the configuration that there is when its hello comes",
  async () => ({
    ...(await secured({ passThrough: [["db.wild.test", "gone with the next configuration"]] })),
    script: answering(response("200 OK", "x")),
  }),
  async ({ proxy, origin }) => {
    const early = await secureLater(proxy.port);
    await until(() => proxy.worker.totals().handshakes.open === 1);
    proxy.apply({ ...(await secured()), backends: [origin.port] });
    const socket = early.begin("db.wild.test");
    socket.write(ask("db.wild.test"));
    const [answer] = (await once(socket, "data")) as [Buffer];
    assert.match(answer.toString(), /^HTTP\/1\.1 200 OK/);
    socket.destroy();
  },
);

scene(
  "handshakes that wait for their turn get the certificate that there is when it comes",
  async () => ({
    ...(await secured()),
    handshakeRate: 1,
    script: answering(response("200 OK", "x")),
  }),
  async ({ proxy, origin }) => {
    const clients = Array.from({ length: 3 }, () =>
      connectSecurely(proxy.port).then((client) => {
        const type = client.socket.getPeerX509Certificate()?.publicKey.asymmetricKeyType;
        client.socket.destroy();
        return type;
      }),
    );
    await Promise.race(clients);
    await until(() => proxy.worker.totals().handshakes.open > 0);
    proxy.apply({
      ...(await secured()),
      backends: [origin.port],
      certificates: [certificateData(certificates().rsa, undefined, { keyType: "rsa" })],
    });
    const types = await Promise.all(clients);
    assert.equal(types[2], "rsa");
    await until(() => proxy.worker.totals().handshakes.open === 0);
  },
);

scene(
  "a handshake that waits for its turn is refused if its name has gone meanwhile",
  async () => ({ ...(await secured()), handshakeRate: 1 }),
  async ({ proxy, origin }) => {
    const first = await connectSecurely(proxy.port);
    const told = Promise.all([refusal(proxy.port), refusal(proxy.port)]);
    await until(() => proxy.worker.totals().handshakes.open === 2);
    const { wrongName } = certificates();
    proxy.apply({
      ...(await secured()),
      handshakeRate: 1,
      backends: [origin.port],
      certificates: [certificateData(wrongName, ["other.test"])],
    });
    for (const each of await told) assert.match(each, /unrecognized name/);
    first.socket.destroy();
  },
);

scene(
  "what is still in the queue of a listener that has left is spoken to by TLS, as it was announced",
  async () => ({ ...(await secured()), script: answering(response("200 OK", "x")) }),
  async ({ proxy, origin, client }) => {
    proxy.apply({ gone: true, backends: [origin.port] });
    const late = await connectSecurely(proxy.port);
    late.send(ask());
    assert.equal(statusOf(await late.readResponse()), 200);
    late.socket.destroy();
    const plain = await client();
    plain.send(ask());
    assert.match((await plain.readResponse()).body.toString(), /plain_http/);
    assert.equal(origin.accepted, 1);
  },
);

let backend: Awaited<ReturnType<typeof startSecureOrigin>>;

scene(
  "a request that waits for a connection gets it as its configuration said, also after a reload",
  async () => {
    const { ecdsa, root } = certificates();
    backend = await startSecureOrigin({ cert: ecdsa.chain, key: ecdsa.key }, () => "");
    const upstreamTls = {
      verify: true,
      ca: root,
      serverName: HOST,
      minVersion: "TLSv1.2",
      certificate: null,
    } as const;
    return { backends: [backend.port], upstreamTls, pool: { maxConnections: 1 } };
  },
  async ({ proxy, client }) => {
    const sockets: tls.TLSSocket[] = [];
    backend.server.on("secureConnection", (socket) => sockets.push(socket));
    const [first, second] = [await client(), await client()];
    first.send(get("/first"));
    await until(() => sockets.length === 1);
    second.send(get("/second"));
    await until(() => proxy.endpoints.pending(0) === 1);
    proxy.apply({ backends: [backend.port] });
    sockets[0]!.end(response("200 OK", "first", "Connection: close"));
    assert.equal(statusOf(await first.readResponse()), 200);
    await until(() => sockets.length === 2);
    sockets[1]!.end(response("200 OK", "second", "Connection: close"));
    assert.equal((await second.readResponse()).body.toString(), "second");
    await backend.close();
  },
);
