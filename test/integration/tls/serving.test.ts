/** Connections of clients by TLS: who is served, with which certificate, and what the others are told. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
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
} from "../../harness/tls.ts";
import { statusOf, valueOf } from "../../harness/wire.ts";

const ask = (target: string, host = HOST): string =>
  `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

scene(
  "requests by TLS are forwarded, and backends told so",
  async () => secured(),
  async ({ proxy, origin }) => {
    const client = await connectSecurely(proxy.port);
    client.send(ask("/a"));
    const backend = await origin.connection();
    const head = await backend.readHead();
    assert.equal(valueOf(head, "x-forwarded-proto"), "https");
    assert.equal(valueOf(head, "x-forwarded-port"), "443");
    backend.send(response("200 OK", "first"));
    assert.equal((await client.readResponse()).body.toString(), "first");
    client.send(ask("/b"));
    await backend.readHead();
    backend.send(response("200 OK", "second"));
    const second = await client.readResponse();
    assert.equal(second.body.toString(), "second");
    assert.equal(valueOf(second, "strict-transport-security"), undefined);
    assert.equal(client.socket.getProtocol(), "TLSv1.3");
    assert.equal(proxy.records[0]?.scheme, "https");
    assert.equal(proxy.worker.totals().handshakes.full, 1);
    client.socket.destroy();
  },
);

scene(
  "each name gets its certificate; a name that nobody has gets an alert, no name the default",
  async () => {
    const { ecdsa, rsa, wrongName } = certificates();
    return {
      ...(await secured()),
      certificates: [
        certificateData(wrongName, ["other.test"]),
        certificateData(ecdsa),
        certificateData(rsa, undefined, { keyType: "rsa" }),
      ],
    };
  },
  async ({ proxy }) => {
    const shown = async (servername: string, more = {}): Promise<string> => {
      const client = await connectSecurely(proxy.port, {
        servername,
        rejectUnauthorized: false,
        ...more,
      });
      const { subjectaltname, asn1Curve } = client.socket
        .getPeerX509Certificate()!
        .toLegacyObject() as { subjectaltname?: string; asn1Curve?: string };
      client.socket.destroy();
      return `${subjectaltname?.split(",")[0]} ${asn1Curve === undefined ? "rsa" : "ec"}`;
    };
    assert.equal(await shown(HOST), `DNS:${HOST} ec`);
    assert.equal(await shown("a.wild.test"), `DNS:${HOST} ec`);
    assert.equal(await shown("OTHER.test"), "DNS:other.test ec");
    assert.equal(await shown(""), "DNS:other.test ec");
    const onlyRsa = { maxVersion: "TLSv1.2", ciphers: "ECDHE-RSA-AES128-GCM-SHA256" };
    assert.equal(await shown(HOST, onlyRsa), `DNS:${HOST} rsa`);
    assert.match(await refusal(proxy.port, { servername: "nobody.test" }), /unrecognized name/);
    assert.match(await refusal(proxy.port, { servername: "b.a.wild.test" }), /unrecognized name/);
    assert.match(
      await refusal(proxy.port, { ALPNProtocols: ["spdy/3"] }),
      /no application protocol/,
    );
    assert.match(
      await refusal(proxy.port, { maxVersion: "TLSv1.1", minVersion: "TLSv1" }),
      /ERR_SSL|alert|protocol/i,
    );
    await until(() => proxy.worker.totals().handshakes.open === 0);
  },
);

scene(
  "a hello that comes byte by byte, with a request right behind the handshake, is read like any other",
  async () => ({ ...(await secured()), script: answering(response("200 OK", "yes")) }),
  async ({ proxy }) => {
    const raw = connect({ host: "127.0.0.1", port: proxy.port, noDelay: true });
    await once(raw, "connect");
    const { Duplex } = await import("node:stream");
    // What the client writes goes out one byte at a time.
    const slow = new Duplex({
      read: () => undefined,
      write: (bytes: Buffer, _encoding, done) => {
        void (async () => {
          for (const byte of bytes) {
            raw.write(Uint8Array.of(byte));
            await new Promise(setImmediate);
          }
          done();
        })();
      },
    });
    raw.on("data", (bytes: Buffer) => slow.push(bytes));
    const { root } = certificates();
    const { connect: secure } = await import("node:tls");
    const socket = secure({ socket: slow, servername: HOST, ca: root });
    socket.write(ask("/"));
    const [answer] = (await once(socket, "data")) as [Buffer];
    assert.match(answer.toString(), /^HTTP\/1\.1 200 OK/);
    raw.destroy();
    socket.destroy();
  },
);

scene(
  "plain HTTP is told the https URL, in the clear",
  async () => secured(),
  async ({ client, proxy }) => {
    const wire = await client();
    wire.send(`GET /path?q=1 HTTP/1.1\r\nHost: ${HOST}:8443\r\n\r\n`);
    const answer = await wire.readResponse();
    assert.equal(statusOf(answer), 400);
    assert.match(answer.body.toString(), new RegExp(`use https://${HOST}:8443/path\\?q=1\n`));
    assert.equal(valueOf(answer, "connection"), "close");
    await wire.ended;
    // What would be markup, or another line, is not repeated.
    const strange = await client();
    strange.send("GET /<b> HTTP/1.1\r\nHost: <script>\r\n\r\n");
    assert.match((await strange.readResponse()).body.toString(), /use https:\/\/\n/);
    assert.equal(proxy.worker.totals().handshakes.failed, 0);
    strange.end();
    wire.end();
    await until(() => proxy.worker.totals().handshakes.failed === 2);
  },
);

scene(
  "what is neither TLS nor HTTP gets an alert and the end",
  async () => secured(),
  async ({ client }) => {
    const wire = await client();
    wire.send("\0\0\0\0\0\0\0\0");
    await wire.ended;
    assert.ok(wire.received >= 7);
    wire.end();
  },
);

scene(
  "why handshakes came to nothing is told, but not of each of very many",
  async () => secured(),
  async ({ client, proxy }) => {
    for (let i = 0; i < 60; i++) {
      const wire = await client();
      wire.send("\0");
      wire.end();
    }
    await until(() => proxy.worker.totals().handshakes.failed === 60);
    const told = proxy.logs.filter(({ code }) => code === "handshake").length;
    assert.ok(told >= 20 && told < 60, `${told} lines`);
  },
);

scene(
  "a handshake that does not come to an end is ended, and a silent client too",
  async () => ({ ...(await secured()), timeouts: { handshake: 50 } }),
  async ({ client, proxy }) => {
    const silent = await client();
    const half = await client();
    half.send("\x16\x03\x01\x02\x00\x01");
    assert.equal(await silent.ended, "reset");
    assert.equal(await half.ended, "reset");
    await until(() => proxy.worker.totals().connections === 0);
    assert.equal(proxy.worker.totals().handshakes.open, 0);
    assert.equal(proxy.worker.totals().handshakes.failed, 2);
  },
);

scene(
  "no more handshakes are under way than may be",
  async () => ({ ...(await secured()), handshakes: 2, script: answering(response("200 OK", "x")) }),
  async ({ client, proxy }) => {
    const held = [await client(), await client()];
    await until(() => proxy.worker.totals().handshakes.open === 2);
    // Whether its connecting is still seen is a matter of chance.
    const third = await client().catch(() => null);
    if (third !== null) assert.equal(await third.ended, "reset");
    assert.ok(proxy.logs.some(({ code }) => code === "handshake_limit"));
    held[0]!.reset();
    await until(() => proxy.worker.totals().handshakes.open === 1);
    const served = await connectSecurely(proxy.port);
    served.send(ask("/"));
    assert.equal(statusOf(await served.readResponse()), 200);
    // A connection that is served is no handshake any more.
    const another = await connectSecurely(proxy.port);
    for (const wire of [served, another]) wire.socket.destroy();
  },
);

scene(
  "handshakes beyond the rate wait for their turn",
  async () => ({
    ...(await secured()),
    handshakeRate: 2,
    script: answering(response("200 OK", "x")),
  }),
  async ({ proxy }) => {
    const wires = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const wire = await connectSecurely(proxy.port);
        wire.send(ask("/"));
        return statusOf(await wire.readResponse());
      }),
    );
    assert.deepEqual(wires, [200, 200, 200, 200, 200]);
  },
);

scene(
  "sessions are taken up again, also by a proxy that knows the same secrets only",
  async () => ({ ...(await secured()), script: answering(response("200 OK", "x")) }),
  async ({ proxy }) => {
    const session = async (options = {}): Promise<{ session: Buffer; reused: boolean }> => {
      const client = await connectSecurely(proxy.port, options);
      client.send(ask("/"));
      await client.readResponse();
      const reused = client.socket.isSessionReused();
      const bytes = await client.session;
      client.socket.destroy();
      return { session: bytes, reused };
    };
    const first = await session();
    assert.equal(first.reused, false);
    const second = await session({ session: first.session });
    assert.equal(second.reused, true);
    assert.equal(proxy.worker.totals().handshakes.resumed, 1);
  },
);

scene(
  "a connection goes on under the certificate that it began with when there is another",
  async () => ({ ...(await secured()), script: answering(response("200 OK", "x")) }),
  async ({ proxy, origin }) => {
    const client = await connectSecurely(proxy.port);
    client.send(ask("/"));
    await client.readResponse();
    const { rsa } = certificates();
    proxy.apply({
      ...(await secured()),
      backends: [origin.port],
      certificates: [certificateData(rsa, undefined, { keyType: "rsa" })],
    });
    client.send(ask("/"));
    assert.equal(statusOf(await client.readResponse()), 200);
    const next = await connectSecurely(proxy.port);
    assert.equal(next.socket.getPeerX509Certificate()?.publicKey.asymmetricKeyType, "rsa");
    for (const wire of [client, next]) wire.socket.destroy();
  },
);

scene(
  "strict transport security is for names whose certificate browsers know",
  async () => {
    const { ecdsa } = certificates();
    return {
      ...(await secured()),
      certificates: [certificateData(ecdsa, undefined, { isPublic: true })],
      script: answering(response("200 OK", "x")),
    };
  },
  async ({ proxy }) => {
    const client = await connectSecurely(proxy.port);
    client.send(ask("/"));
    assert.equal(
      valueOf(await client.readResponse(), "strict-transport-security"),
      "max-age=15768000",
    );
    client.socket.destroy();
  },
);

scene(
  "a redirect to https keeps host, path and method, and adds the port that is not the usual one",
  () => ({ redirectPort: 8443 }),
  async ({ client, proxy, origin }) => {
    const wire = await client();
    wire.send("POST /a?b HTTP/1.1\r\nHost: App.Test:80\r\nContent-Length: 0\r\n\r\n");
    const answer = await wire.readResponse();
    assert.equal(statusOf(answer), 308);
    assert.equal(valueOf(answer, "location"), "https://app.test:8443/a?b");
    proxy.apply({ redirectPort: 443, backends: [origin.port] });
    wire.send(get("/"));
    assert.equal(valueOf(await wire.readResponse(), "location"), "https://app.test/");
    wire.send("GET / HTTP/1.0\r\n\r\n");
    const nowhere = await wire.readResponse();
    assert.equal(statusOf(nowhere), 400);
    assert.equal(origin.accepted, 0);
  },
);

scene(
  "what a trusted proxy took by https is not redirected there again; the word of others is not believed",
  { redirectPort: 443, trustedProxies: ["127.0.0.1"], script: answering(response("200 OK", "x")) },
  async ({ client, proxy, origin }) => {
    const wire = await client();
    const status = async (...fields: string[]): Promise<number> => {
      wire.send(get("/", ...fields));
      return statusOf(await wire.readResponse());
    };
    assert.equal(await status("X-Forwarded-Proto: https"), 200);
    assert.equal(await status("X-Forwarded-Proto: http"), 308);
    assert.equal(await status(), 308);
    proxy.apply({ redirectPort: 443, backends: [origin.port] });
    assert.equal(await status("X-Forwarded-Proto: https"), 308);
  },
);

scene(
  "requests that name no place to lead to are told so, and upgrades are redirected like others",
  { redirectPort: 443 },
  async ({ client, origin }) => {
    const wire = await client();
    wire.send("OPTIONS * HTTP/1.1\r\nHost: app.test\r\n\r\n");
    const told = await wire.readResponse();
    assert.equal(statusOf(told), 400);
    assert.match(told.body.toString(), /only leads to https/);
    wire.send(
      get(
        "/socket",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      ),
    );
    const moved = await wire.readResponse();
    assert.equal(statusOf(moved), 308);
    assert.equal(valueOf(moved, "location"), "https://app.test/socket");
    assert.equal(valueOf(moved, "strict-transport-security"), undefined);
    assert.equal(origin.accepted, 0);
  },
);

scene("a client that speaks TLS to a port without it gets an alert", {}, async ({ proxy }) => {
  assert.match(await refusal(proxy.port), /protocol version|ERR_SSL/i);
});
