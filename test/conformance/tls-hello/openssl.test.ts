import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  alpn,
  browserHello,
  message,
  record,
  serverName,
  tls12Hello,
  tls13Hello,
  wire,
  type Extension,
  type HelloParts,
} from "#protocol/tls-hello/hello.fixture.ts";
import { helloOf, OpensslServer, serverContext } from "./openssl.ts";
import { compareWithOpenssl } from "./openssl-differential.ts";

function withExtensions(parts: HelloParts, ...more: readonly Extension[]): HelloParts {
  return { ...parts, extensions: [...(parts.extensions ?? []), ...more] };
}

describe("the reader and OpenSSL", () => {
  for (const [name, parts] of Object.entries({ tls12Hello, tls13Hello, browserHello })) {
    test(`both take ${name}, for the same`, async () => {
      assert.equal(await compareWithOpenssl(wire(parts)), "both");
    });
  }

  for (const name of ["a.example", "A.Example", "192.0.2.1", "_a.example", "x".repeat(63)]) {
    test(`both take the name ${name} as it was sent`, async () => {
      const extensions = (tls13Hello.extensions ?? []).toSpliced(0, 1, serverName(name));
      assert.equal(await compareWithOpenssl(wire({ ...tls13Hello, extensions })), "both");
    });
  }

  const hello = message(tls12Hello);
  const [, ...unnamed] = tls13Hello.extensions ?? [];
  const grease: Extension = [0x0a0a, Buffer.alloc(0)];
  for (const [name, bytes] of Object.entries({
    "an empty record before the hello": Buffer.concat([record(Buffer.alloc(0)), record(hello)]),
    "a second hello behind it": record(Buffer.concat([hello, hello])),
    "an unknown extension twice": wire(withExtensions(tls13Hello, grease, grease)),
    "an empty name": wire({ ...tls13Hello, extensions: [serverName(""), ...unnamed] }),
    "a name with a final dot": wire({ ...tls13Hello, extensions: [serverName("a."), ...unnamed] }),
    "a name with a blank": wire({ ...tls13Hello, extensions: [serverName("a b"), ...unnamed] }),
    "the legacy_version of DTLS": wire({ ...tls13Hello, legacyVersion: 0xfefd }),
  })) {
    test(`differ about ${name}: the reader is the stricter`, async () => {
      assert.equal(await compareWithOpenssl(bytes), "openssl only");
    });
  }

  for (const [name, bytes] of Object.entries({
    "a second server_name": wire(withExtensions(tls13Hello, serverName("b.example"))),
    "a second list of protocols": wire(withExtensions(tls13Hello, alpn("acme-tls/1"))),
    "a warning inside the hello": Buffer.concat([
      record(hello.subarray(0, 50)),
      record(Buffer.of(1, 112), 21),
      record(hello.subarray(50)),
    ]),
  })) {
    test(`both refuse ${name}`, async () => {
      assert.equal(await compareWithOpenssl(bytes), "neither");
    });
  }
});

test("OpenSSL takes another name after a HelloRetryRequest, so names are to be compared in the end", async () => {
  const server = new OpensslServer(serverContext({ ecdhCurve: "P-256" }));
  const client = await helloOf({
    servername: "first.example",
    ALPNProtocols: ["h2"],
    ecdhCurve: "X25519:P-256",
  });
  server.end.push(client.hello);
  await server.end.until(() => server.recordType() === 22);
  const retry = server.end.written.length;
  assert.equal(server.serverName, "first.example");

  const sent = client.end.written.length;
  const second = (): string => Buffer.concat(client.end.written.slice(sent)).toString("latin1");
  client.end.push(Buffer.concat(server.end.written));
  await client.end.until(() => second().includes("first.example"));
  server.end.push(Buffer.from(second().replace("first.example", "other.example"), "latin1"));
  await server.end.until(() => server.recordType(retry) !== undefined);
  assert.equal(server.recordType(retry), 22, "the handshake goes on");
  assert.equal(server.reportedName(), "other.example");
  client.end.destroy();
  server.socket.destroy();
});
