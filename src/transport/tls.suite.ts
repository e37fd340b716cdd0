/**
 * What TLS has to do on every transport, as tests. As in `contract.suite.ts`, each implementation registers them under its
 * own name and brings a bench.
 */

import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { describe, it } from "node:test";
import type * as tls from "node:tls";
import fc from "fast-check";
import { Slice, sliceOf } from "#core/bytes/slice.ts";
import { type Certificates, certificates, HOST } from "./certificates.fixture.ts";
import { Counter, pattern, pump } from "./stage.fixture.ts";
import { NAME, PROFILE, secret, type TlsBench, TlsStage, tlsOf } from "./tls-stage.fixture.ts";
import { HIGH_MARK, LOW_MARK, type SocketAddress } from "./contract.ts";
import { ticketKey } from "./ticket-keys.ts";
import type { ClientTlsOptions, ServerTlsOptions } from "./tls.ts";

export type { TlsBench } from "./tls-stage.fixture.ts";

/** What a test of TLS is given. */
interface Scene {
  readonly stage: TlsStage;
  readonly all: Certificates;
  readonly server: ServerTlsOptions;
  readonly client: ClientTlsOptions;
}

type Test = (title: string, body: (scene: Scene) => Promise<void>) => void;

/** Registers the tests. `make` is called once for each. */
export function describeTls(name: string, make: () => Promise<TlsBench>): void {
  const test: Test = (title, body) => {
    it(title, async () => {
      const all = certificates();
      const stage = new TlsStage(await make());
      const server: ServerTlsOptions = {
        profile: PROFILE,
        certificates: [all.ecdsa],
        alpn: [],
        clientCertificates: null,
        policy: "one",
      };
      const client: ClientTlsOptions = {
        profile: PROFILE,
        ca: all.root,
        certificate: null,
        verify: true,
        alpn: [],
      };
      try {
        await body({ stage, all, server, client });
      } finally {
        await stage.finish();
      }
      for (const recorder of stage.served) {
        assert.ok(recorder.gone, "every connection is reported closed in the end");
      }
    });
  };

  describe(`TLS ${name}`, () => {
    describe("handshakes", () => handshakes(test));
    describe("certificates", () => serverCertificates(test));
    describe("protocols", () => protocols(test));
    describe("tickets", () => tickets(test));
    describe("certificates of clients", () => clientCertificates(test));
    describe("backends", () => backends(test));
    describe("moving bytes", () => movingBytes(test));
    describe("ending", () => ending(test));
  });
}

/** DER of the certificates of a chain in PEM. */
function derOf(chain: string): Buffer[] {
  return chain
    .split(/(?=-----BEGIN)/)
    .filter((block) => block.includes("BEGIN"))
    .map((block) => new X509Certificate(block).raw);
}

function handshakes(test: Test): void {
  test("two transports agree, and both know on what", async ({ stage, all, server, client }) => {
    const ends = await stage.pair(
      { ...server, alpn: ["h2", "http/1.1"] },
      { ...client, alpn: ["http/1.1"] },
    );
    const [leaf, intermediate] = derOf(all.ecdsa.chain);
    const agreed = {
      version: "TLSv1.3",
      cipher: "TLS_AES_128_GCM_SHA256",
      protocol: "http/1.1",
      resumed: false,
    };
    const seen = ends.client.connection?.security;
    assert.partialDeepStrictEqual(seen, agreed);
    assert.ok(leaf?.equals(seen?.peerCertificate ?? Buffer.alloc(0)));
    assert.equal(seen?.peerChain.length, 1);
    assert.ok(intermediate?.equals(seen?.peerChain[0] ?? Buffer.alloc(0)));
    assert.deepEqual(ends.server.connection?.security, {
      ...agreed,
      serverName: HOST,
      peerCertificate: null,
      peerChain: [],
    });
    ends.client.send("question");
    await stage.until(ends.server, () => ends.server.size === 8);
    ends.server.send("answer");
    await stage.until(ends.client, () => ends.client.size === 6);
    assert.equal(ends.server.text + ends.client.text, "questionanswer");
  });

  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    test(`a client of ${version} is served`, async ({ stage, all, server }) => {
      const { address } = await stage.serve(server);
      const client = stage.stranger(address, {
        ca: all.root,
        rejectUnauthorized: true,
        maxVersion: version,
      });
      client.socket.write("hello");
      const recorder = await stage.secured();
      await stage.until(recorder, () => recorder.size === 5);
      assert.equal(recorder.text, "hello");
      assert.equal(recorder.connection?.security?.version, version);
      recorder.send("welcome");
      recorder.call((connection) => connection.end());
      await stage.bench.until(client.ended);
      assert.equal(String(client.bytes), "welcome");
      assert.equal(client.socket.getProtocol(), version);
    });
  }
  const whole = (bytes: Buffer): Buffer[] => [bytes];
  const halves = (bytes: Buffer): Buffer[] => [bytes.subarray(0, 99), bytes.subarray(99)];
  const crumbs = (bytes: Buffer): Buffer[] =>
    Array.from(bytes, (_, index) => bytes.subarray(index, index + 1));
  // A client of TLS 1.3 may send this behind its hello, for middleboxes; it means nothing (RFC 8446 appendix D.4).
  const spec = Buffer.from([20, 3, 3, 0, 1, 1]);
  for (const [title, cut] of [
    ["in one slice", whole],
    ["in two slices", halves],
    ["byte by byte", crumbs],
    ["in part", (bytes: Buffer): Buffer[] => [bytes.subarray(0, -1), bytes.subarray(-1)]],
    ["with bytes behind it", (bytes: Buffer): Buffer[] => [bytes, spec]],
    [
      "in one slice with bytes behind it",
      (bytes: Buffer): Buffer[] => [Buffer.concat([bytes, spec])],
    ],
    [
      "with slices that are empty",
      (bytes: Buffer): Buffer[] => [bytes.subarray(0, 0), bytes, bytes.subarray(0, 0)],
    ],
  ] as const) {
    test(`a hello that was read before is handed over ${title}`, async ({ stage, server }) => {
      stage.cut = cut;
      const { address } = await stage.serve(server);
      const client = stage.stranger(address);
      assert.ok(await stage.bench.until(client.secured));
      client.socket.write("x");
      const recorder = await stage.secured();
      await stage.until(recorder, () => recorder.size === 1);
      assert.deepEqual(
        stage.counters.map((counter) => counter.references),
        stage.counters.map(() => 0),
        "every slice is released once",
      );
    });
  }

  test("a hello that arrives in small pieces is put together", async ({ stage, server }) => {
    const { address } = await stage.serve(server);
    const client = stage.stranger(address);
    const { wire } = client;
    wire.send = (bytes) => {
      for (const byte of bytes) wire.socket.write(Buffer.from([byte]));
    };
    assert.ok(await stage.bench.until(client.secured));
  });

  test("a hello whose end comes later than TLS begins is waited for", async ({ stage, server }) => {
    const { address } = await stage.serve(server);
    const client = stage.stranger(address);
    const { wire } = client;
    const plain = wire.send;
    let rest = Buffer.alloc(0);
    wire.send = (bytes) => {
      plain(bytes.subarray(0, 50));
      rest = Buffer.from(bytes.subarray(50));
    };
    const recorder = await stage.accepted();
    await stage.bench.settle();
    assert.equal(recorder.connects, 0);
    wire.send = plain;
    plain(rest);
    assert.ok(await stage.bench.until(client.secured));
  });

  test("TLS 1.1 is refused with an alert", async ({ stage, server }) => {
    const { address } = await stage.serve(server);
    const client = stage.stranger(address, {
      minVersion: "TLSv1.1",
      maxVersion: "TLSv1.1",
      ciphers: "ALL:@SECLEVEL=0",
    });
    assert.equal(await stage.bench.until(client.secured), false);
    assert.equal(client.error?.code, "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION");
    const recorder = await stage.accepted();
    await stage.closed(recorder);
    assert.deepEqual(recorder.failure, { code: "tls", detail: "unsupported protocol" });
    assert.equal(recorder.connects, 0);
  });

  test("the lowest version is that of the profile", async ({ stage, server }) => {
    const profile = { ...PROFILE, minVersion: "TLSv1.3" } as const;
    const { address } = await stage.serve({ ...server, profile });
    const client = stage.stranger(address, { maxVersion: "TLSv1.2" });
    assert.equal(await stage.bench.until(client.secured), false);
    assert.equal(client.error?.code, "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION");
    await stage.closed(await stage.accepted());
    const modern = stage.stranger(address);
    assert.ok(await stage.bench.until(modern.secured));
  });

  test("a client without a suite of ours gets an alert", async ({ stage, server }) => {
    const { address } = await stage.serve(server);
    const client = stage.stranger(address, { maxVersion: "TLSv1.2", ciphers: "AES128-SHA" });
    assert.equal(await stage.bench.until(client.secured), false);
    assert.match(client.error?.code ?? "", /HANDSHAKE_FAILURE/);
    const recorder = await stage.accepted();
    await stage.closed(recorder);
    assert.deepEqual(recorder.failure, { code: "tls", detail: "no shared cipher" });
  });

  test("our order of suites counts, in both versions", async ({ stage, server }) => {
    const { address } = await stage.serve(server);
    const modern = stage.stranger(address, {
      ciphers: "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256",
    });
    await stage.bench.until(modern.secured);
    assert.equal(modern.socket.getCipher().name, "TLS_AES_128_GCM_SHA256");
    const older = stage.stranger(address, {
      maxVersion: "TLSv1.2",
      ciphers: "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256",
    });
    await stage.bench.until(older.secured);
    assert.equal(older.socket.getCipher().name, "ECDHE-ECDSA-AES128-GCM-SHA256");
  });

  test("the first group that both know is used", async ({ stage, server }) => {
    const profile = { ...PROFILE, groups: ["nosuchgroup", "secp384r1"] };
    const { address } = await stage.serve({ ...server, profile });
    const client = stage.stranger(address);
    await stage.bench.until(client.secured);
    assert.partialDeepStrictEqual(client.socket.getEphemeralKeyInfo(), { name: "secp384r1" });
    const without = stage.stranger(address, { ecdhCurve: "X25519" });
    assert.equal(await stage.bench.until(without.secured), false);
  });

  test("what is no hello gets an alert, and is a failure", async ({ stage, server }) => {
    const { address } = await stage.serve(server);
    const socket = stage.bare(address);
    const received: Buffer[] = [];
    socket.on("data", (bytes) => received.push(bytes));
    const ended = new Promise((resolve) => socket.once("end", resolve));
    // A record of the handshake with a message that nobody begins with.
    socket.write(Buffer.from([22, 3, 1, 0, 4, 14, 0, 0, 0]));
    await stage.bench.until(ended);
    assert.equal(Buffer.concat(received)[0], 21, "an alert");
    const recorder = await stage.accepted();
    await stage.closed(recorder);
    assert.deepEqual(recorder.failure, { code: "tls", detail: "unexpected message" });
    assert.equal(recorder.connects, 0);
  });

  test("whatever bytes come, what is no handshake never becomes one", async ({ stage, server }) => {
    const { address } = await stage.serve(server);
    let hello = Buffer.alloc(0);
    const wire = stage.stranger(address).wire;
    const plain = wire.send;
    wire.send = (bytes) => {
      if (hello.length === 0) hello = Buffer.from(bytes);
      plain(bytes);
    };
    await stage.secured();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(2000), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        fc.uint8Array({ maxLength: 300 }),
        fc.boolean(),
        async (changes, tail, isHello) => {
          const bytes = Buffer.concat(isHello ? [hello, tail] : [tail]);
          for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
          const count = stage.served.length + 1;
          const socket = stage.bare(address);
          socket.end(bytes);
          const recorder = await stage.accepted(count);
          await stage.closed(recorder);
          assert.equal(recorder.connects, 0);
          assert.notEqual(recorder.failure, null);
        },
      ),
      { numRuns: 100 },
    );
  });

  test("what is no TLS is a failure", async ({ stage, server }) => {
    const { address } = await stage.serve(server);
    for (const text of ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "SSH-2.0-client\r\n"]) {
      const socket = stage.bare(address);
      const ended = new Promise((resolve) => socket.once("end", resolve));
      socket.write(text);
      await stage.bench.until(ended);
      const recorder = stage.served.at(-1)!;
      await stage.closed(recorder);
      assert.equal(recorder.failure?.code, "tls");
      assert.equal(recorder.connects, 0);
    }
  });

  test("a client that leaves before the handshake is over is a reset", async ({
    stage,
    server,
  }) => {
    const { address } = await stage.serve(server);
    const socket = stage.bare(address);
    socket.write(Buffer.from([22, 3, 1]));
    socket.end();
    const recorder = await stage.accepted();
    await stage.closed(recorder);
    assert.equal(recorder.failure?.code, "reset");
    assert.equal(recorder.connects, 0);
    assert.equal(recorder.ends, 0);
  });

  test("aborted before it is over: closed without a failure, and never secured", async ({
    stage,
    server,
  }) => {
    const { address } = await stage.serve(server);
    stage.bare(address);
    const recorder = await stage.accepted();
    recorder.call((connection) => connection.abort());
    assert.equal(recorder.connection?.closed, true);
    await stage.closed(recorder);
    assert.equal(recorder.failure, null);
    assert.equal(recorder.connects, 0);
  });

  test("closed before it is over, with nothing written: at once", async ({ stage, server }) => {
    const { address } = await stage.serve(server);
    stage.bare(address);
    const recorder = await stage.accepted();
    recorder.call((connection) => connection.close());
    await stage.closed(recorder);
    assert.equal(recorder.failure, null);
  });

  test("what is written before the handshake is over is sent when it is", async ({
    stage,
    server,
    client,
  }) => {
    const { address } = await stage.serve(server);
    const dialed = await stage.dial(address, tlsOf(stage.bench.client).client(client));
    dialed.send("early ");
    dialed.send("bird");
    const recorder = await stage.secured();
    await stage.until(recorder, () => recorder.size === 10);
    assert.equal(recorder.text, "early bird");
  });

  test("options that cannot work are refused with a sentence", async ({
    stage,
    all,
    server,
    client,
  }) => {
    const library = tlsOf(stage.bench.server);
    const refused = (changes: Partial<ServerTlsOptions>, message: RegExp): void => {
      assert.throws(() => library.server({ ...server, ...changes }), message);
    };
    refused({ certificates: [{ ...all.ecdsa, key: all.client.key }] }, /key/);
    refused({ certificates: [{ ...all.ecdsa, key: "nothing" }] }, /key/);
    refused({ certificates: [all.rsa, { ...all.ecdsa, chain: "nothing" }] }, /certificate pair 2/);
    refused({ profile: { ...PROFILE, ciphers: "NONSENSE" } }, /suite/);
    refused({ profile: { ...PROFILE, cipherSuites: "TLS_NONSENSE" } }, /suite/);
    refused({ profile: { ...PROFILE, groups: ["nosuchgroup"] } }, /group/);
    const mode = "require" as const;
    const { clientRoot: ca } = all;
    refused({ clientCertificates: { mode, ca: "nothing", crl: null } }, /certificate/);
    refused({ clientCertificates: { mode, ca, crl: "nothing" } }, /revocation/);
    assert.throws(() => library.client({ ...client, ca: "nothing" }), /certificate/);
    const certificate = { ...all.client, key: all.ecdsa.key };
    assert.throws(() => library.client({ ...client, certificate }), /key/);
  });
}

function serverCertificates(test: Test): void {
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    test(`of two certificates a client of ${version} gets the one that it can verify`, async ({
      stage,
      all,
      server,
    }) => {
      const { address } = await stage.serve({ ...server, certificates: [all.rsa, all.ecdsa] });
      const chains: number[] = [];
      for (const [sigalgs, type] of [
        ["ECDSA+SHA256", "ec"],
        ["RSA-PSS+SHA256:RSA+SHA256", "rsa"],
      ] as const) {
        const client = stage.stranger(address, {
          maxVersion: version,
          // The issuers have keys of ECDSA; of those a client cannot pick.
          rejectUnauthorized: false,
          ca: all.root,
          sigalgs,
        });
        assert.ok(await stage.bench.until(client.secured));
        const { socket } = client;
        chains.push(socket.getPeerCertificate(true).issuerCertificate === undefined ? 0 : 1);
        assert.equal(socket.getPeerX509Certificate()?.publicKey.asymmetricKeyType, type);
      }
      assert.deepEqual(chains, [1, 1], "each comes with its issuer");
    });
  }

  test("an answer about revocation is stapled for whoever asks", async ({ stage, all, server }) => {
    const ocsp = Buffer.from("the answer about ECDSA");
    const { address } = await stage.serve({ ...server, certificates: [{ ...all.ecdsa, ocsp }] });
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
      const client = stage.stranger(address, { maxVersion, requestOCSP: true });
      assert.ok(await stage.bench.until(client.secured));
      assert.deepEqual(client.staple, ocsp);
    }
    const other = stage.stranger(address);
    assert.ok(await stage.bench.until(other.secured));
    assert.equal(other.staple, undefined);
  });

  test("of several certificates the answer for the right one is stapled", async ({
    stage,
    all,
    server,
  }) => {
    const ec = Buffer.from("the answer about ECDSA");
    const rsa = Buffer.from("the answer about RSA");
    const { address } = await stage.serve({
      ...server,
      certificates: [
        { ...all.ecdsa, ocsp: ec },
        { ...all.rsa, ocsp: rsa },
      ],
    });
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
      for (const sigalgs of [
        "ECDSA+SHA256",
        "RSA-PSS+SHA256",
        "RSA-PSS+SHA256:ECDSA+SHA256",
        "ECDSA+SHA256:RSA-PSS+SHA256",
      ]) {
        const client = stage.stranger(address, { maxVersion, sigalgs, requestOCSP: true });
        assert.ok(await stage.bench.until(client.secured));
        const type = client.socket.getPeerX509Certificate()?.publicKey.asymmetricKeyType;
        // None is right as well, where the transport cannot know; a wrong one never is.
        if (client.staple !== null || maxVersion === "TLSv1.3") {
          assert.deepEqual(client.staple, type === "ec" ? ec : rsa, `${maxVersion} ${sigalgs}`);
        }
      }
    }
  });

  test("a certificate without an answer is stapled nothing", async ({ stage, all, server }) => {
    const { address } = await stage.serve({
      ...server,
      certificates: [all.ecdsa, { ...all.rsa, ocsp: Buffer.from("about RSA") }],
    });
    const client = stage.stranger(address, { sigalgs: "ECDSA+SHA256", requestOCSP: true });
    assert.ok(await stage.bench.until(client.secured));
    assert.equal(client.staple, null);
  });
}

function protocols(test: Test): void {
  const agree = async (
    { stage, server }: Scene,
    ours: readonly string[],
    theirs: readonly string[],
  ): Promise<string> => {
    const { address } = await stage.serve({ ...server, alpn: ours });
    const client = stage.stranger(
      address,
      theirs.length === 0 ? {} : { ALPNProtocols: [...theirs] },
    );
    assert.ok(await stage.bench.until(client.secured));
    const { security } = (await stage.secured()).connection!;
    assert.equal(client.socket.alpnProtocol || "", security?.protocol);
    return security?.protocol ?? "none";
  };

  test("our order counts", async (scene) => {
    assert.equal(await agree(scene, ["h2", "http/1.1"], ["http/1.1", "h2"]), "h2");
  });

  test("a client that names none is served without", async (scene) => {
    assert.equal(await agree(scene, ["h2", "http/1.1"], []), "");
  });

  test("a listener that names none takes every client", async (scene) => {
    assert.equal(await agree(scene, [], ["h2"]), "");
  });

  test("a client that names others only gets an alert", async ({ stage, server }) => {
    const { address } = await stage.serve({ ...server, alpn: ["http/1.1"] });
    const client = stage.stranger(address, { ALPNProtocols: ["smtp"] });
    assert.equal(await stage.bench.until(client.secured), false);
    assert.match(client.error?.code ?? "", /NO_APPLICATION_PROTOCOL/);
    const recorder = await stage.accepted();
    await stage.closed(recorder);
    assert.deepEqual(recorder.failure, { code: "tls", detail: "no application protocol" });
  });
}

/** Connects, and takes what it is given for the next time. */
async function visit(
  { stage }: Scene,
  address: SocketAddress,
  options: tls.ConnectionOptions = {},
): Promise<{ session: Buffer | undefined; resumed: boolean; secured: boolean }> {
  const count = stage.served.length + 1;
  const client = stage.stranger(address, options);
  if (!(await stage.bench.until(client.secured))) {
    return { session: client.session, resumed: false, secured: false };
  }
  const recorder = await stage.accepted(count);
  await stage.until(recorder, () => recorder.connects === 1 || recorder.gone);
  const resumed = client.socket.isSessionReused();
  if (recorder.connects === 1) {
    assert.equal(recorder.connection?.security?.resumed, resumed);
    // Tickets of TLS 1.3 come behind the handshake, and before what is sent then.
    recorder.send("x");
    recorder.call((connection) => connection.close());
  }
  await stage.bench.until(client.ended);
  // Node does not report a ticket of TLS 1.2 that was renewed.
  const session = client.session ?? client.socket.getSession();
  client.socket.end();
  await stage.bench.until(client.closed);
  return { session, resumed, secured: client.received.length > 0 };
}

function tickets(test: Test): void {
  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    const next = (session: Buffer | undefined): tls.ConnectionOptions => {
      assert.ok(session, "a ticket was given");
      return { maxVersion, session };
    };

    test(`${maxVersion}: a session is taken up again, more than once`, async (scene) => {
      const { stage, server } = scene;
      const { context, address } = await stage.serve(server);
      context.setTicketSecrets([secret(1)]);
      const first = await visit(scene, address, { maxVersion });
      const second = await visit(scene, address, next(first.session));
      const third = await visit(scene, address, next(second.session ?? first.session));
      assert.deepEqual([first.resumed, second.resumed, third.resumed], [false, true, true]);
    });

    test(`${maxVersion}: another transport with the same secrets takes it up`, async (scene) => {
      const { stage, server } = scene;
      const one = await stage.serve(server);
      const two = await stage.serve(server, stage.bench.client);
      for (const { context } of [one, two]) context.setTicketSecrets([secret(1)]);
      const { session } = await visit(scene, one.address, { maxVersion });
      assert.equal((await visit(scene, two.address, next(session))).resumed, true);
    });

    test(`${maxVersion}: before there are secrets nothing is taken up`, async (scene) => {
      const { address } = await scene.stage.serve(scene.server);
      const { session } = await visit(scene, address, { maxVersion });
      const again = await visit(scene, address, session === undefined ? {} : next(session));
      assert.equal(again.resumed, false);
    });

    test(`${maxVersion}: not under another policy`, async (scene) => {
      const { stage, server } = scene;
      const one = await stage.serve(server);
      const two = await stage.serve({ ...server, policy: "two" });
      for (const { context } of [one, two]) context.setTicketSecrets([secret(1)]);
      const { session } = await visit(scene, one.address, { maxVersion });
      assert.equal((await visit(scene, two.address, next(session))).resumed, false);
    });

    test(`${maxVersion}: not when its secret is gone`, async (scene) => {
      const { context, address } = await scene.stage.serve(scene.server);
      context.setTicketSecrets([secret(1)]);
      const { session } = await visit(scene, address, { maxVersion });
      context.setTicketSecrets([secret(2)]);
      assert.equal((await visit(scene, address, next(session))).resumed, false);
    });

    test(`${maxVersion}: an old secret still opens, and the ticket is renewed`, async (scene) => {
      const { context, address } = await scene.stage.serve(scene.server);
      context.setTicketSecrets([secret(1)]);
      const first = await visit(scene, address, { maxVersion });
      context.setTicketSecrets([secret(2), secret(1)]);
      const second = await visit(scene, address, next(first.session));
      assert.equal(second.resumed, true);
      context.setTicketSecrets([secret(2)]);
      assert.equal((await visit(scene, address, next(second.session))).resumed, true);
      assert.equal((await visit(scene, address, next(first.session))).resumed, false);
    });

    test(`${maxVersion}: a ticket that was changed is not taken up`, async (scene) => {
      const { server } = scene;
      const { context, address } = await scene.stage.serve(server);
      context.setTicketSecrets([secret(1)]);
      const { session } = await visit(scene, address, { maxVersion });
      assert.ok(session);
      // Name of the key and initialisation vector, 16 bytes each; what is sealed follows.
      const at = session.indexOf(ticketKey(secret(1), server.policy).subarray(0, 16));
      assert.ok(at > 0, "the ticket begins with the name of its key");
      const changed = Buffer.from(session);
      changed[at + 40]! ^= 1;
      const again = await visit(scene, address, { maxVersion, session: changed });
      assert.equal(again.resumed, false);
    });
  }
}

function clientCertificates(test: Test): void {
  const good = (all: Certificates): ServerTlsOptions["clientCertificates"] & object => ({
    mode: "require",
    ca: all.clientRoot,
    crl: all.crl,
  });
  const shown = (pair: { chain: string; key: string }): tls.ConnectionOptions => ({
    cert: pair.chain,
    key: pair.key,
  });

  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    for (const mode of ["request", "require"] as const) {
      test(`${maxVersion}, ${mode}: a good certificate is known afterwards`, async ({
        stage,
        all,
        server,
      }) => {
        const clientCertificates = { ...good(all), mode };
        const { address } = await stage.serve({ ...server, clientCertificates });
        const client = stage.stranger(address, { maxVersion, ...shown(all.client) });
        assert.ok(await stage.bench.until(client.secured));
        const { security } = (await stage.secured()).connection!;
        assert.deepEqual(Buffer.from(security?.peerCertificate ?? []), derOf(all.client.chain)[0]);
        assert.deepEqual(security?.peerChain, []);
      });

      for (const kind of [
        "foreignClient",
        "expiredClient",
        "revokedClient",
        "selfSigned",
      ] as const) {
        test(`${maxVersion}, ${mode}: refused is ${kind}`, async ({ stage, all, server }) => {
          const clientCertificates = { ...good(all), mode };
          const { context, address } = await stage.serve({ ...server, clientCertificates });
          context.setTicketSecrets([secret(1)]);
          const client = stage.stranger(address, { maxVersion, ...shown(all[kind]) });
          const recorder = await stage.accepted();
          await stage.closed(recorder);
          assert.equal(recorder.connects, 0);
          assert.equal(recorder.failure?.code, "tls");
          assert.match(
            recorder.failure?.detail ?? "",
            {
              foreignClient: /CERT_SIGNATURE_FAILURE|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/,
              expiredClient: /CERT_HAS_EXPIRED/,
              revokedClient: /CERT_REVOKED/,
              selfSigned: /SELF_SIGNED|UNABLE_TO|INVALID_PURPOSE/,
            }[kind],
          );
          await stage.bench.until(client.over);
          if (stage.bench.alertsBadClients) assert.match(client.error?.code ?? "", /ALERT/);
          assert.equal(client.bytes.length, 0);
          // Whatever it was given meanwhile does not open the door either.
          if (client.session !== undefined) {
            const again = stage.stranger(address, {
              maxVersion,
              ...shown(all[kind]),
              session: client.session,
            });
            const second = await stage.accepted(2);
            await stage.closed(second);
            assert.equal(second.connects, 0);
            await stage.bench.until(again.over);
          }
        });
      }
    }

    test(`${maxVersion}, request: a client without one is served`, async ({
      stage,
      all,
      server,
    }) => {
      const clientCertificates = { ...good(all), mode: "request" as const };
      const { address } = await stage.serve({ ...server, clientCertificates });
      const client = stage.stranger(address, { maxVersion });
      assert.ok(await stage.bench.until(client.secured));
      assert.equal((await stage.secured()).connection?.security?.peerCertificate, null);
    });

    test(`${maxVersion}, require: a client without one gets an alert`, async ({
      stage,
      all,
      server,
    }) => {
      const { address } = await stage.serve({ ...server, clientCertificates: good(all) });
      const client = stage.stranger(address, { maxVersion });
      const recorder = await stage.accepted();
      await stage.closed(recorder);
      assert.deepEqual(recorder.failure, {
        code: "tls",
        detail: "peer did not return a certificate",
      });
      assert.equal(recorder.connects, 0);
      await stage.bench.until(client.over);
      assert.match(client.error?.code ?? "", /ALERT/);
    });

    test(`${maxVersion}: who was resumed is still known`, async (scene) => {
      const { stage, all, server } = scene;
      const { context, address } = await stage.serve({ ...server, clientCertificates: good(all) });
      context.setTicketSecrets([secret(1)]);
      const first = await visit(scene, address, { maxVersion, ...shown(all.client) });
      const second = await visit(scene, address, {
        maxVersion,
        session: first.session,
        ...shown(all.client),
      });
      assert.equal(second.resumed, true);
      const { security } = stage.served[1]!.connection!;
      assert.deepEqual(Buffer.from(security?.peerCertificate ?? []), derOf(all.client.chain)[0]);
    });

    test(`${maxVersion}: a session without a certificate does not pass where one is required`, async (scene) => {
      const { stage, all, server } = scene;
      const open = await stage.serve(server);
      const strict = await stage.serve({
        ...server,
        clientCertificates: good(all),
        policy: "strict",
      });
      for (const { context } of [open, strict]) context.setTicketSecrets([secret(1)]);
      const { session } = await visit(scene, open.address, { maxVersion });
      assert.ok(session);
      const again = await visit(scene, strict.address, { maxVersion, session });
      assert.equal(again.secured, false);
      assert.equal(stage.served.at(-1)?.connects, 0);
    });
  }

  test("without a revocation list a revoked certificate passes", async ({ stage, all, server }) => {
    const clientCertificates = { ...good(all), crl: null };
    const { address } = await stage.serve({ ...server, clientCertificates });
    stage.stranger(address, shown(all.revokedClient));
    await stage.secured();
  });

  test("a list of another issuer is not enough", async ({ stage, all, server }) => {
    const clientCertificates = { ...good(all), ca: all.clientRoot + all.root };
    const { address } = await stage.serve({ ...server, clientCertificates });
    stage.stranger(address, shown(all.ecdsa));
    const recorder = await stage.accepted();
    await stage.closed(recorder);
    assert.equal(recorder.connects, 0);
    assert.equal(recorder.failure?.code, "tls");
  });
}

function backends(test: Test): void {
  const paired = (pair: { chain: string; key: string }): tls.TlsOptions => ({
    cert: pair.chain,
    key: pair.key,
  });

  for (const [kind, detail] of [
    ["expired", "CERT_HAS_EXPIRED"],
    ["wrongName", "ERR_TLS_CERT_ALTNAME_INVALID"],
    ["selfSigned", "DEPTH_ZERO_SELF_SIGNED_CERT"],
  ] as const) {
    test(`refused is a certificate that is ${kind}`, async ({ stage, all, client }) => {
      const address = await stage.host(paired(all[kind]));
      const dialed = await stage.dialed(address, tlsOf(stage.bench.client).client(client));
      await stage.closed(dialed);
      assert.deepEqual(dialed.failure, { code: "tls", detail });
      assert.equal(dialed.connects, 0);
    });

    test(`without verification a certificate that is ${kind} will do`, async ({
      stage,
      all,
      client,
    }) => {
      const address = await stage.host(paired(all[kind]));
      const context = tlsOf(stage.bench.client).client({ ...client, verify: false });
      const dialed = await stage.dialed(address, context);
      assert.equal(dialed.connects, 1);
      assert.ok(dialed.connection?.security?.peerCertificate);
    });
  }

  test("refused is a certificate of an issuer that nobody knows", async ({
    stage,
    all,
    client,
  }) => {
    const address = await stage.host(paired(all.ecdsa));
    const library = tlsOf(stage.bench.client);
    for (const ca of [all.clientRoot, null]) {
      const dialed = await stage.dialed(address, library.client({ ...client, ca }));
      await stage.closed(dialed);
      assert.equal(dialed.failure?.code, "tls");
      assert.match(dialed.failure?.detail ?? "", /UNABLE_TO_(?:GET_ISSUER_CERT|VERIFY)/);
    }
  });

  for (const [identity, good] of [
    [HOST, true],
    [HOST.toUpperCase(), true],
    ["some.wild.test", true],
    ["one.too.many.wild.test", false],
    ["other.test", false],
    ["127.0.0.1", true],
    ["127.0.0.2", false],
    ["::1", true],
    ["::2", false],
    [null, true],
  ] as const) {
    test(`a backend that is to be ${identity} is ${good ? "taken" : "refused"}`, async ({
      stage,
      all,
      client,
    }) => {
      const address = await stage.host(paired(all.ecdsa));
      const context = tlsOf(stage.bench.client).client(client);
      const dialed = await stage.dialed(address, context, { sni: null, identity });
      assert.equal(dialed.connects, good ? 1 : 0);
      if (good) return;
      await stage.closed(dialed);
      assert.deepEqual(dialed.failure, { code: "tls", detail: "ERR_TLS_CERT_ALTNAME_INVALID" });
    });
  }

  test("the name is sent when there is one", async ({ stage, all, client }) => {
    const names: (string | false | null)[] = [];
    const address = await stage.host(paired(all.ecdsa), (socket) => {
      names.push((socket as tls.TLSSocket & { servername: string | false }).servername);
      socket.write("x");
    });
    const context = tlsOf(stage.bench.client).client(client);
    for (const sni of ["some.name.test", null]) {
      const dialed = await stage.dialed(address, context, { sni, identity: null });
      await stage.until(dialed, () => dialed.size === 1);
    }
    assert.deepEqual(names, ["some.name.test", false]);
  });

  test("our certificate is shown to a backend that asks", async ({ stage, all, client }) => {
    const subjects: string[] = [];
    const address = await stage.host(
      { ...paired(all.ecdsa), requestCert: true, ca: all.clientRoot },
      (socket) => {
        subjects.push(String(socket.getPeerCertificate().subject.CN));
        socket.write("x");
      },
    );
    const context = tlsOf(stage.bench.client).client({ ...client, certificate: all.client });
    const dialed = await stage.dialed(address, context);
    await stage.until(dialed, () => dialed.size === 1);
    assert.deepEqual(subjects, ["client"]);
  });

  test("a backend that wants a certificate and gets none is a failure", async ({
    stage,
    all,
    client,
  }) => {
    const address = await stage.host({
      ...paired(all.ecdsa),
      requestCert: true,
      ca: all.clientRoot,
    });
    const dialed = await stage.dial(address, tlsOf(stage.bench.client).client(client));
    await stage.closed(dialed);
    // In TLS 1.3 a client learns of it after its handshake.
    assert.equal(dialed.failure?.code, "tls");
    assert.match(dialed.failure?.detail ?? "", /alert certificate required/);
  });

  test("a protocol is agreed on, or none, or the backend refuses", async ({
    stage,
    all,
    client,
  }) => {
    const library = tlsOf(stage.bench.client);
    const choosy = await stage.host({ ...paired(all.ecdsa), ALPNProtocols: ["http/1.1"] });
    const plain = await stage.host(paired(all.ecdsa));
    const both = library.client({ ...client, alpn: ["h2", "http/1.1"] });
    const dialed = await stage.dialed(choosy, both);
    assert.equal(dialed.connection?.security?.protocol, "http/1.1");
    assert.equal((await stage.dialed(plain, both)).connection?.security?.protocol, "");
    const refused = await stage.dialed(choosy, library.client({ ...client, alpn: ["h2"] }));
    await stage.closed(refused);
    assert.equal(refused.failure?.code, "tls");
    assert.match(refused.failure?.detail ?? "", /alert no application protocol/);
  });

  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    test(`${maxVersion}: a session with a backend is taken up again`, async ({
      stage,
      all,
      client,
    }) => {
      const address = await stage.host({ ...paired(all.ecdsa), maxVersion }, (socket) => {
        socket.end("x");
      });
      const context = tlsOf(stage.bench.client).client(client);
      const resumed: (boolean | undefined)[] = [];
      for (let i = 0; i < 3; i++) {
        const dialed = await stage.dialed(address, context);
        const { security } = dialed.connection!;
        resumed.push(security?.resumed);
        assert.equal(security?.version, maxVersion);
        assert.deepEqual(Buffer.from(security?.peerCertificate ?? []), derOf(all.ecdsa.chain)[0]);
        await stage.until(dialed, () => dialed.ends === 1);
        dialed.call((connection) => connection.close());
        await stage.closed(dialed);
      }
      assert.deepEqual(resumed, [false, true, true]);
    });

    test(`${maxVersion}: never one of another name`, async ({ stage, all, client }) => {
      const address = await stage.host({ ...paired(all.ecdsa), maxVersion }, (socket) => {
        socket.end("x");
      });
      const context = tlsOf(stage.bench.client).client(client);
      const first = await stage.dialed(address, context);
      await stage.until(first, () => first.ends === 1);
      // The same server, which would resume: whether it may be called so has to be looked at.
      const second = await stage.dialed(address, context, { sni: HOST, identity: "other.test" });
      await stage.closed(second);
      assert.equal(second.failure?.detail, "ERR_TLS_CERT_ALTNAME_INVALID");
    });
  }

  test("a released context makes no connection, and those that are go on", async ({
    stage,
    server,
    client,
  }) => {
    const served = await stage.serve(server);
    const context = tlsOf(stage.bench.client).client(client);
    const dialed = await stage.dialed(served.address, context);
    const recorder = await stage.secured();
    served.context.release();
    context.release();
    const again = new Promise<void>((resolve) => {
      stage.bench.client.connect(served.address, 1000, {
        onConnect: (raw) => {
          assert.throws(() => tlsOf(stage.bench.client).connect(raw, context, NAME, raw.handler));
          raw.abort();
        },
        onData: () => undefined,
        onEnd: () => undefined,
        onWritable: () => undefined,
        onClose: () => resolve(),
      });
      stage.onTerminate = (accept) => assert.throws(accept, /released/);
    });
    await stage.bench.until(again);
    dialed.send("still here");
    await stage.until(recorder, () => recorder.size === 10);
  });
}

function movingBytes(test: Test): void {
  const size = 10 * 1024 * 1024;

  test("large transfers in both directions at once arrive whole, with bounded queues", async ({
    stage,
    server,
    client,
  }) => {
    const ends = await stage.pair(server, client);
    const up = pattern(size, 1);
    const down = pattern(size - 12_345, 2);
    pump(ends.client, up, 16_384, () => ends.client.call((connection) => connection.end()));
    pump(ends.server, down, 50_000, () => ends.server.call((connection) => connection.end()));
    await stage.closed(ends.client, ends.server);
    assert.ok(Buffer.concat(ends.server.received).equals(up));
    assert.ok(Buffer.concat(ends.client.received).equals(down));
    assert.deepEqual([ends.client.failure, ends.server.failure], [null, null]);
    assert.ok(ends.client.writables > 0);
    assert.ok((ends.client.connection?.taken ?? 0) >= up.length);
  });

  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    test(`${maxVersion}: large transfers to and from a stranger arrive whole`, async ({
      stage,
      server,
    }) => {
      const { address } = await stage.serve(server);
      const client = stage.stranger(address, { maxVersion });
      const recorder = await stage.secured();
      const up = pattern(size, 3);
      const down = pattern(size, 4);
      pump(recorder, down, 100_000, () => recorder.call((connection) => connection.end()));
      client.socket.end(up);
      await stage.bench.until(client.ended);
      await stage.closed(recorder);
      assert.ok(Buffer.concat(recorder.received).equals(up));
      assert.ok(client.bytes.equals(down));
      assert.equal(recorder.failure, null);
    });
  }

  test("a peer that does not read holds the sender up, with a bounded queue", async ({
    stage,
    server,
  }) => {
    const { address } = await stage.serve(server);
    const client = stage.stranger(address);
    const recorder = await stage.secured();
    await stage.bench.until(client.secured);
    client.socket.pause();
    const bytes = pattern(2 * size);
    let sent = false;
    pump(recorder, bytes, 65_536, () => (sent = true));
    for (let i = 0; i < 50; i++) await stage.bench.settle();
    assert.equal(sent, false);
    const queued = recorder.connection?.queued ?? 0;
    assert.ok(queued > LOW_MARK && queued <= HIGH_MARK + 65_536, `${queued} queued`);
    assert.equal(recorder.writables > 0, true);
    client.socket.resume();
    await stage.until(recorder, () => sent);
    recorder.call((connection) => connection.end());
    await stage.bench.until(client.ended);
    assert.ok(client.bytes.equals(bytes));
  });

  test("a paused connection delivers nothing and holds the sender up; resumed, all of it arrives", async ({
    stage,
    server,
    client,
  }) => {
    const ends = await stage.pair(server, client);
    ends.server.call((connection) => connection.pause());
    const bytes = pattern(2 * size);
    let sent = false;
    pump(ends.client, bytes, 65_536, () => (sent = true));
    for (let i = 0; i < 50; i++) await stage.bench.settle();
    assert.equal(ends.server.size, 0);
    assert.equal(sent, false);
    ends.server.call((connection) => connection.resume());
    await stage.until(ends.server, () => ends.server.size === bytes.length);
    assert.ok(Buffer.concat(ends.server.received).equals(bytes));
  });

  test("pausing from inside onData stops the delivery there", async ({ stage, server, client }) => {
    const ends = await stage.pair(server, client);
    let calls = 0;
    ends.server.onDataMore = () => {
      calls++;
      ends.server.call((connection) => connection.pause());
    };
    for (let i = 0; i < 4; i++) ends.client.write(sliceOf(pattern(100_000, i)));
    await stage.until(ends.server, () => calls === 1);
    for (let i = 0; i < 10; i++) await stage.bench.settle();
    assert.equal(calls, 1);
    ends.server.onDataMore = undefined;
    ends.server.call((connection) => connection.resume());
    await stage.until(ends.server, () => ends.server.size === 400_000);
  });

  test("what is written in one turn leaves in few records", async ({ stage, server }) => {
    const { address } = await stage.serve(server);
    const client = stage.stranger(address);
    const recorder = await stage.secured();
    await stage.bench.until(client.secured);
    await stage.bench.settle();
    const before = client.wire.records.length;
    recorder.call((connection) => {
      for (let i = 0; i < 200; i++) connection.write([sliceOf(Buffer.from("0123456789"))]);
    });
    while (client.bytes.length < 2000) await stage.bench.settle();
    assert.equal(client.wire.records.length - before, 1);
  });

  test("slices of all sizes keep their order and are released once", async ({
    stage,
    server,
    client,
  }) => {
    const ends = await stage.pair(server, client);
    const sizes = [1, 0, 3, 65_535, 65_536, 65_537, 9, 200_000, 0, 4096, 16_384, 16_385, 2, 2, 2];
    const bytes = pattern(sizes.reduce((sum, each) => sum + each, 0));
    let at = 0;
    const counters = sizes.map(() => new Counter());
    const slices = sizes.map((length, index) => {
      at += length;
      return new Slice(bytes, at - length, length, counters[index]!);
    });
    ends.client.write(...slices);
    await stage.until(ends.server, () => ends.server.size === bytes.length);
    await stage.bench.settle();
    assert.ok(Buffer.concat(ends.server.received).equals(bytes));
    assert.deepEqual(new Set(counters.map((each) => each.references)), new Set([0]));
    assert.equal(ends.client.connection?.queued, 0);
  });

  test("bytes of shared memory can be written", async ({ stage, server, client }) => {
    const ends = await stage.pair(server, client);
    const shared = new Uint8Array(new SharedArrayBuffer(100_000));
    shared.set(pattern(100_000));
    ends.client.write(sliceOf(shared), sliceOf(shared.subarray(7, 20)));
    ends.client.write(sliceOf(shared.subarray(0, 50)));
    await stage.until(ends.server, () => ends.server.size === 100_063);
    assert.ok(Buffer.concat(ends.server.received).subarray(0, 100_000).equals(pattern(100_000)));
  });

  test("received bytes that were kept stay as they are while more arrive", async ({
    stage,
    server,
    client,
  }) => {
    const ends = await stage.pair(server, client);
    const kept: Slice[] = [];
    ends.server.onDataMore = (slice) => kept.push(slice.part(0, slice.length));
    const bytes = pattern(600_000);
    ends.client.write(sliceOf(bytes));
    await stage.until(ends.server, () => ends.server.size === bytes.length);
    assert.ok(Buffer.concat(kept.map((slice) => slice.view())).equals(bytes));
    for (const slice of kept) slice.release();
  });

  test("bytes may be overwritten as soon as they are released", async ({
    stage,
    server,
    client,
  }) => {
    const ends = await stage.pair(server, client);
    ends.server.call((connection) => connection.pause());
    const bytes = pattern(3_000_000);
    for (let at = 0; at < bytes.length; at += 40_000) {
      const copy = Buffer.from(bytes.subarray(at, at + 40_000));
      const owner = { retain: () => undefined, release: () => void copy.fill(0xdb) };
      ends.client.write(new Slice(copy, 0, copy.length, owner));
    }
    await stage.bench.settle();
    ends.server.call((connection) => connection.resume());
    await stage.until(ends.server, () => ends.server.size === bytes.length);
    assert.ok(Buffer.concat(ends.server.received).equals(bytes));
  });

  test("it goes well whatever the sizes, pauses and order of events", async ({ stage, server }) => {
    const { address } = await stage.serve(server);
    const step = fc.oneof(
      fc.record({ kind: fc.constant("ours" as const), size: fc.integer({ min: 1, max: 200_000 }) }),
      fc.record({
        kind: fc.constant("theirs" as const),
        size: fc.integer({ min: 1, max: 200_000 }),
      }),
      fc.constant({ kind: "pause" as const }),
      fc.constant({ kind: "resume" as const }),
      fc.constant({ kind: "wait" as const }),
      fc.constant({ kind: "turn" as const }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 25 }),
        fc.constantFrom("TLSv1.2" as const, "TLSv1.3" as const),
        fc.constantFrom("end" as const, "close" as const, "lingerClose" as const),
        async (steps, maxVersion, last) => {
          const client = stage.stranger(address, { maxVersion });
          const recorder = await stage.secured(stage.served.length + 1);
          const ours: Buffer[] = [];
          const theirs: Buffer[] = [];
          const counters: Counter[] = [];
          for (const [index, each] of steps.entries()) {
            if (each.kind === "ours") {
              const bytes = pattern(each.size, index);
              ours.push(bytes);
              const counter = new Counter();
              counters.push(counter);
              recorder.write(new Slice(bytes, 0, bytes.length, counter));
            } else if (each.kind === "theirs") {
              const bytes = pattern(each.size, -index);
              theirs.push(bytes);
              client.socket.write(bytes);
            } else if (each.kind === "wait") await stage.bench.settle();
            else if (each.kind === "turn") await stage.bench.until(new Promise(setImmediate));
            else recorder.call((connection) => connection[each.kind]());
          }
          recorder.call((connection) => connection.resume());
          const expected = Buffer.concat(theirs);
          await stage.until(recorder, () => recorder.size === expected.length);
          assert.ok(Buffer.concat(recorder.received).equals(expected));
          recorder.call((connection) => connection[last]());
          await stage.bench.until(client.ended);
          client.socket.end();
          await stage.bench.until(client.closed);
          await stage.closed(recorder);
          assert.ok(client.bytes.equals(Buffer.concat(ours)));
          assert.equal(recorder.failure, null);
          assert.equal(client.error, null);
          assert.deepEqual(
            counters.filter((counter) => counter.references !== 0),
            [],
          );
        },
      ),
      { numRuns: 40 },
    );
  });
}

function ending(test: Test): void {
  test("both sides end, one after the other", async ({ stage, server, client }) => {
    const ends = await stage.pair(server, client);
    ends.client.send("question");
    ends.client.call((connection) => connection.end());
    await stage.until(ends.server, () => ends.server.ends === 1);
    assert.equal(ends.server.text, "question");
    ends.server.send("answer");
    ends.server.call((connection) => connection.end());
    await stage.closed(ends.client, ends.server);
    assert.equal(ends.client.text, "answer");
    assert.equal(ends.client.ends, 1);
    assert.deepEqual([ends.client.failure, ends.server.failure], [null, null]);
  });

  test("an end that arrives while paused is reported behind the bytes, after resume", async ({
    stage,
    server,
    client,
  }) => {
    const ends = await stage.pair(server, client);
    ends.server.call((connection) => connection.pause());
    const bytes = pattern(200_000);
    ends.client.write(sliceOf(bytes));
    ends.client.call((connection) => connection.end());
    for (let i = 0; i < 10; i++) await stage.bench.settle();
    assert.equal(ends.server.ends, 0);
    ends.server.call((connection) => connection.resume());
    await stage.until(ends.server, () => ends.server.ends === 1);
    assert.ok(Buffer.concat(ends.server.received).equals(bytes));
  });

  test("an end with nothing before it that arrives while paused is one after resume", async ({
    stage,
    server,
  }) => {
    const { address } = await stage.serve(server);
    const client = stage.stranger(address);
    const recorder = await stage.secured();
    recorder.call((connection) => connection.pause());
    client.socket.end();
    for (let i = 0; i < 10; i++) await stage.bench.settle();
    assert.equal(recorder.gone, false);
    recorder.call((connection) => connection.resume());
    await stage.until(recorder, () => recorder.ends === 1);
  });

  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    test(`${maxVersion}: an end without close_notify is a truncation, behind what has come`, async ({
      stage,
      server,
    }) => {
      const { address } = await stage.serve(server);
      const client = stage.stranger(address, { maxVersion });
      const recorder = await stage.secured();
      const bytes = pattern(300_000);
      client.socket.write(bytes, () => client.wire.socket.end());
      await stage.closed(recorder);
      assert.deepEqual(recorder.failure, { code: "reset", detail: "TLS_TRUNCATED" });
      assert.equal(recorder.ends, 0);
      assert.ok(Buffer.concat(recorder.received).equals(bytes));
    });

    test(`${maxVersion}: and so it is for who has paused, and for who has ended`, async ({
      stage,
      server,
    }) => {
      const { address } = await stage.serve(server);
      const client = stage.stranger(address, { maxVersion });
      const recorder = await stage.secured();
      recorder.call((connection) => {
        connection.pause();
        connection.end();
      });
      await stage.bench.until(client.ended);
      client.socket.write(pattern(10_000), () => client.wire.socket.end());
      for (let i = 0; i < 10; i++) await stage.bench.settle();
      assert.equal(recorder.gone, false);
      recorder.call((connection) => connection.resume());
      await stage.closed(recorder);
      assert.deepEqual(recorder.failure, { code: "reset", detail: "TLS_TRUNCATED" });
      assert.equal(recorder.size, 10_000);
      assert.equal(recorder.ends, 0);
    });

    test(`${maxVersion}: an orderly end is none`, async ({ stage, server }) => {
      const { address } = await stage.serve(server);
      const client = stage.stranger(address, { maxVersion });
      const recorder = await stage.secured();
      recorder.call((connection) => connection.pause());
      client.socket.end(pattern(50_000));
      for (let i = 0; i < 10; i++) await stage.bench.settle();
      recorder.call((connection) => connection.resume());
      await stage.until(recorder, () => recorder.ends === 1);
      assert.equal(recorder.size, 50_000);
      recorder.call((connection) => connection.end());
      await stage.closed(recorder);
      assert.equal(recorder.failure, null);
    });

    test(`${maxVersion}: a record that was changed on its way is a failure, with an alert`, async ({
      stage,
      server,
    }) => {
      const { address } = await stage.serve(server);
      const client = stage.stranger(address, { maxVersion });
      const recorder = await stage.secured();
      await stage.bench.until(client.secured);
      await stage.bench.settle();
      const { wire } = client;
      const plain = wire.send;
      wire.send = (bytes) => {
        const changed = Buffer.from(bytes);
        changed[changed.length - 1]! ^= 1;
        plain(changed);
      };
      client.socket.write("never to be read");
      await stage.closed(recorder);
      assert.equal(recorder.failure?.code, "tls");
      assert.match(recorder.failure?.detail ?? "", /bad record mac|cipher operation failed/);
      assert.equal(recorder.size, 0);
      await stage.bench.until(client.over);
      assert.match(client.error?.code ?? "", /ALERT_BAD_RECORD_MAC/);
    });
  }

  test("a backend that ends without close_notify is cut off", async ({ stage, all, client }) => {
    const { address } = await hostThatCuts(stage, all);
    const dialed = await stage.dialed(address, tlsOf(stage.bench.client).client(client));
    await stage.closed(dialed);
    assert.equal(dialed.text, "half an answ");
    assert.deepEqual(dialed.failure, { code: "reset", detail: "TLS_TRUNCATED" });
    assert.equal(dialed.ends, 0);
  });

  test("close sends what is queued, closes both sides and reports nothing more", async ({
    stage,
    server,
    client,
  }) => {
    const ends = await stage.pair(server, client);
    const bytes = pattern(2_000_000);
    ends.server.write(sliceOf(bytes));
    ends.server.call((connection) => connection.close());
    await stage.until(ends.client, () => ends.client.ends === 1);
    await stage.closed(ends.server);
    assert.ok(Buffer.concat(ends.client.received).equals(bytes));
    assert.equal(ends.server.failure, null);
    assert.equal(ends.server.ends, 0);
    ends.client.call((connection) => connection.end());
    await stage.closed(ends.client);
    assert.equal(ends.client.failure, null);
  });

  for (const last of ["end", "close", "lingerClose"] as const) {
    test(`${last} from inside onConnect is as orderly as later`, async ({
      stage,
      server,
      client,
    }) => {
      const { address } = await stage.serve(server);
      const dialed = await stage.dial(address, tlsOf(stage.bench.client).client(client));
      const recorder = await stage.accepted();
      recorder.onConnectMore = () => {
        recorder.send("goodbye");
        recorder.call((connection) => connection[last]());
      };
      await stage.until(dialed, () => dialed.ends === 1 || dialed.gone);
      assert.equal(dialed.text, "goodbye");
      assert.equal(dialed.failure, null);
      dialed.call((connection) => connection.close());
      await stage.closed(dialed, recorder);
      assert.deepEqual([dialed.failure, recorder.failure], [null, null]);
    });
  }

  test("close with nothing queued is done when it returns, and still says so to the peer", async ({
    stage,
    server,
    client,
  }) => {
    const ends = await stage.pair(server, client);
    await stage.bench.settle();
    ends.server.call((connection) => {
      connection.close();
      assert.equal(connection.closed, true);
    });
    await stage.until(ends.client, () => ends.client.ends === 1);
    ends.client.call((connection) => connection.close());
    await stage.closed(ends.client, ends.server);
    assert.deepEqual([ends.client.failure, ends.server.failure], [null, null]);
  });

  test("writing after the end is an error of the caller, and its slices are released", async ({
    stage,
    server,
    client,
  }) => {
    const ends = await stage.pair(server, client);
    ends.client.call((connection) => connection.end());
    const owner = new Counter();
    assert.throws(() => ends.client.write(new Slice(Buffer.from("x"), 0, 1, owner)), /write after/);
    assert.equal(owner.references, 0);
  });

  test("lingerClose lets a peer that is still sending read the whole answer", async ({
    stage,
    server,
    client,
  }) => {
    const ends = await stage.pair(server, client);
    const answer = pattern(300_000);
    let answered = false;
    ends.server.onDataMore = () => {
      assert.equal(answered, false, "nothing is delivered after lingerClose");
      answered = true;
      ends.server.write(sliceOf(answer));
      ends.server.call((connection) => connection.lingerClose());
    };
    // Does not look at the answer before it has sent everything.
    ends.client.call((connection) => connection.pause());
    let sent = false;
    pump(ends.client, pattern(8_000_000), 65_536, () => {
      sent = true;
      ends.client.call((connection) => connection.resume());
    });
    await stage.until(ends.client, () => ends.client.ends === 1);
    assert.ok(sent);
    assert.ok(Buffer.concat(ends.client.received).equals(answer));
    assert.equal(ends.server.gone, false);
    ends.client.call((connection) => connection.end());
    await stage.closed(ends.server, ends.client);
    assert.deepEqual([ends.server.failure, ends.client.failure], [null, null]);
    assert.equal(ends.server.ends, 0);
  });

  test("lingerClose gives a silent peer 5 s", async ({ stage, server, client }) => {
    const ends = await stage.pair(server, client);
    ends.server.send("bye");
    ends.server.call((connection) => connection.lingerClose());
    await stage.until(ends.client, () => ends.client.ends === 1);
    await stage.bench.settle();
    stage.bench.elapse(4900);
    await stage.bench.settle();
    assert.equal(ends.server.gone, false);
    stage.bench.elapse(200);
    await stage.closed(ends.server);
    assert.equal(ends.server.failure, null);
    assert.equal(ends.client.text, "bye");
  });

  test("abort is at once, says nothing to its owner and resets the peer", async ({
    stage,
    server,
    client,
  }) => {
    const ends = await stage.pair(server, client);
    ends.client.send("x");
    await stage.until(ends.server, () => ends.server.size === 1);
    const counter = new Counter();
    ends.server.write(new Slice(pattern(50_000), 0, 50_000, counter));
    ends.server.call((connection) => connection.abort());
    assert.equal(ends.server.connection?.closed, true);
    await stage.closed(ends.server, ends.client);
    assert.equal(ends.server.failure, null);
    assert.equal(counter.references, 0);
    // Where the system cannot reset, it is the missing close_notify that tells.
    assert.equal(ends.client.failure?.code, "reset");
    assert.equal(ends.client.ends, 0);
  });

  test("abort does not wait for a peer that does not read", async ({ stage, server, client }) => {
    const ends = await stage.pair(server, client);
    ends.client.call((connection) => connection.pause());
    const counters = Array.from({ length: 200 }, () => new Counter());
    for (const counter of counters) {
      ends.server.write(new Slice(pattern(100_000), 0, 100_000, counter));
    }
    for (let i = 0; i < 10; i++) await stage.bench.settle();
    ends.server.call((connection) => connection.abort());
    await stage.closed(ends.server);
    assert.equal(ends.server.failure, null);
    assert.deepEqual(new Set(counters.map((each) => each.references)), new Set([0]));
  });

  test("after abort nothing is delivered, and every further call is without effect", async ({
    stage,
    server,
    client,
  }) => {
    const ends = await stage.pair(server, client);
    ends.client.send("x");
    ends.server.call((connection) => {
      connection.abort();
      connection.abort();
      connection.pause();
      connection.resume();
      connection.end();
      connection.close();
      connection.lingerClose();
    });
    assert.equal(ends.server.send("y"), true);
    await stage.closed(ends.server);
    assert.equal(ends.server.size, 0);
  });

  test("every slice is released once when the peer is gone", async ({ stage, server, client }) => {
    const ends = await stage.pair(server, client);
    ends.server.call((connection) => connection.pause());
    const counters = Array.from({ length: 200 }, () => new Counter());
    for (const counter of counters) {
      ends.client.write(new Slice(pattern(60_000), 0, 60_000, counter));
    }
    await stage.bench.settle();
    ends.server.call((connection) => connection.abort());
    await stage.closed(ends.client);
    assert.equal(ends.client.failure?.code, "reset");
    assert.deepEqual(new Set(counters.map((each) => each.references)), new Set([0]));
  });

  test("a failure is reported soon, even if the peer takes nothing any more", async ({
    stage,
    server,
  }) => {
    const { address } = await stage.serve(server);
    const client = stage.stranger(address);
    const recorder = await stage.secured();
    await stage.bench.until(client.secured);
    const { wire } = client;
    wire.socket.pause();
    wire.removeAllListeners("data");
    wire.pause();
    let sent = false;
    pump(recorder, pattern(20_000_000), 65_536, () => (sent = true));
    for (let i = 0; i < 20; i++) await stage.bench.settle();
    wire.socket.pause();
    assert.equal(sent, false);
    // A record of application data that nobody has the key of.
    wire.socket.write(Buffer.concat([Buffer.from([23, 3, 3, 0, 64]), pattern(64)]));
    for (let i = 0; i < 20; i++) await stage.bench.settle();
    stage.bench.elapse(31_000);
    await stage.closed(recorder);
    assert.equal(recorder.failure?.code, "tls");
  });

  test("what comes behind the peer's end is not looked at", async ({ stage, server }) => {
    const { address } = await stage.serve(server);
    const client = stage.stranger(address);
    const recorder = await stage.secured();
    await stage.bench.until(client.secured);
    client.wire.socket.on("error", () => undefined);
    // Keeps the raw connection open behind the close_notify.
    client.wire._final = (done) => done();
    client.socket.end("last words");
    await stage.until(recorder, () => recorder.ends === 1);
    client.wire.socket.write(pattern(100_000));
    for (let i = 0; i < 10; i++) await stage.bench.settle();
    assert.equal(recorder.text, "last words");
    assert.equal(recorder.gone, false);
    recorder.send("bye");
    recorder.call((connection) => connection.end());
    await stage.closed(recorder);
    assert.equal(recorder.failure, null);
  });

  test("shutdown aborts what is open, and says so", async ({ stage, server, client }) => {
    const ends = await stage.pair(server, client);
    await stage.bench.until(stage.bench.server.shutdown());
    assert.equal(ends.server.failure?.code, "shutdown");
    await stage.closed(ends.client);
    assert.equal(ends.client.failure?.code, "reset");
  });
}

/** A backend that sends half of its answer and then a bare FIN. */
async function hostThatCuts(
  stage: TlsStage,
  all: Certificates,
): Promise<{ address: SocketAddress }> {
  const address = await stage.host({ cert: all.ecdsa.chain, key: all.ecdsa.key }, (socket) => {
    socket.write("half an answ", () => stage.cutOff());
  });
  return { address };
}
