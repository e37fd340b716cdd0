import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Slice } from "#core/bytes/slice.ts";
import type { Connection, ConnectionHandler, TransportFailure } from "../../contract.ts";
import { HIGH_MARK, LOW_MARK } from "../../contract.ts";
import { certificates, HOST } from "../../certificates.fixture.ts";
import { Libc } from "../native/libc.ts";
import type { Pinned } from "../native/pinned.ts";
import { Ssl } from "../native/ssl.ts";
import { UringClientContext, UringServerContext } from "./context.ts";
import { Counted, Pipe, Turns } from "./pipe.fixture.ts";
import { SecureConnection } from "./secure-connection.ts";

const { ecdsa, root } = certificates();
const profile = {
  minVersion: "TLSv1.2",
  ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256",
  cipherSuites: "TLS_AES_128_GCM_SHA256",
  groups: ["X25519", "P-256"],
} as const;

const NAME = { sni: HOST, identity: HOST };

/** Pseudo-random numbers (mulberry32): a seed is enough to see a failure again. */
class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed;
  }
  /** Less than `n`. */
  below(n: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
  }
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
}

/** Objects to whatever a connection must not be told. */
class Witness implements ConnectionHandler {
  connects = 0;
  ends = 0;
  closes = 0;
  writables = 0;
  failure: TransportFailure | null = null;
  received: Buffer[] = [];
  /** A call of the owner's is under way. */
  calling = false;
  connection!: Connection;
  /** What the owner does in a handler. */
  act: () => void = () => undefined;

  onConnect(): void {
    this.#told();
    this.connects++;
    assert.equal(this.connects, 1);
    this.act();
  }
  onData(_: Connection, slice: Slice): void {
    this.#told();
    assert.equal(this.connects, 1, "data before the handshake is over");
    assert.equal(this.ends, 0, "data behind the end");
    assert.ok(slice.length > 0);
    this.received.push(Buffer.from(slice.view()));
    this.act();
  }
  onEnd(): void {
    this.#told();
    this.ends++;
    assert.equal(this.ends, 1);
    this.act();
  }
  onWritable(): void {
    this.#told();
    this.writables++;
    assert.ok(this.connection.queued <= LOW_MARK);
    this.act();
  }
  onClose(_: Connection, failure: TransportFailure | null): void {
    this.#told();
    this.closes++;
    this.failure = failure;
    assert.ok(this.connection.closed);
    this.act();
  }
  call(deed: (connection: Connection) => void): void {
    this.calling = true;
    deed(this.connection);
    this.calling = false;
  }
  get bytes(): Buffer {
    return Buffer.concat(this.received);
  }
  #told(): void {
    assert.equal(this.closes, 0, "told something after it was closed");
    assert.equal(this.calling, false, "told something inside a call");
  }
}

/** A client and a server over a pipe. */
class Scene {
  readonly turns = new Turns();
  readonly server: UringServerContext;
  readonly client: UringClientContext;

  constructor(version: "TLSv1.2" | "TLSv1.3" = "TLSv1.3") {
    const only = version === "TLSv1.2" ? { ...profile, cipherSuites: "" } : profile;
    this.server = new UringServerContext({
      profile: only,
      certificates: [ecdsa],
      alpn: ["a"],
      clientCertificates: null,
      policy: "p",
    });
    this.server.setTicketSecrets([new Uint8Array(32)]);
    this.client = new UringClientContext({
      profile: only,
      ca: root,
      certificate: null,
      verify: true,
      alpn: ["a"],
    });
  }

  connect(): { client: Witness; server: Witness; pipes: [Pipe, Pipe] } {
    const pipes = Pipe.pair(this.turns);
    const client = new Witness();
    const server = new Witness();
    const { ssl } = this.client;
    const session = this.client.sessions.find(NAME);
    client.connection = new SecureConnection(
      this.turns,
      pipes[0],
      Ssl.connect(ssl, NAME, session),
      client,
      [],
      (of) => this.client.remember(NAME, of),
    );
    server.connection = new SecureConnection(
      this.turns,
      pipes[1],
      Ssl.accept(this.server.ssl),
      server,
      [],
      null,
    );
    return { client, server, pipes };
  }

  slice(bytes: Buffer): Slice {
    const copy = Buffer.from(bytes);
    return new Slice(copy, 0, copy.length, new Counted(this.turns, copy));
  }

  /** Lets everything arrive. */
  settle(pipes: readonly Pipe[]): void {
    let busy = true;
    while (busy) {
      busy = this.turns.run();
      for (const pipe of pipes) busy = pipe.deliver((bytes) => bytes) || busy;
    }
  }

  /** Nothing is left of the connections that there were. */
  finish(): void {
    assert.equal(this.server.ssl.connections + this.client.ssl.connections, 0, "an SSL is left");
    assert.equal(this.turns.kept, 0, "a slice is left");
    assert.equal(this.turns.close(), 0, "memory is left");
    assert.equal(this.turns.stuck.size, 0);
    this.server.release();
    this.client.release();
  }
}

describe("a connection with TLS over a connection of io_uring", () => {
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    it(`carries bytes of any size both ways and ends in order (${version})`, () => {
      const scene = new Scene(version);
      const { client, server, pipes } = scene.connect();
      scene.settle(pipes);
      assert.equal(client.connection.security?.version, version);
      const sizes = [1, 100, 16_384, 16_385, 300_000, 5];
      const sent = Buffer.concat(sizes.map((size, i) => Buffer.alloc(size, i + 1)));
      for (const witness of [client, server]) {
        let at = 0;
        for (const size of sizes) {
          witness.call((c) => c.write([scene.slice(sent.subarray(at, at + size))]));
          at += size;
        }
        witness.call((c) => c.end());
      }
      scene.settle(pipes);
      for (const witness of [client, server]) {
        assert.ok(witness.bytes.equals(sent));
        assert.deepEqual([witness.ends, witness.closes, witness.failure], [1, 1, null]);
      }
      scene.finish();
    });
  }

  it("takes up a session again", () => {
    const scene = new Scene();
    for (const resumed of [false, true, true]) {
      const { client, server, pipes } = scene.connect();
      scene.settle(pipes);
      assert.equal(client.connection.security?.resumed, resumed);
      assert.equal(server.connection.security?.resumed, resumed);
      client.call((c) => c.close());
      server.call((c) => c.close());
      scene.settle(pipes);
    }
    scene.finish();
  });

  it("sends what is written in one turn in one record", () => {
    const scene = new Scene();
    const { client, server, pipes } = scene.connect();
    scene.settle(pipes);
    for (const text of ["one", "two", "three"]) {
      client.call((c) => c.write([scene.slice(Buffer.from(text))]));
    }
    scene.turns.run();
    assert.equal(pipes[0].sent.length, 1);
    assert.equal(pipes[0].sent[0]!.length, 5 + "onetwothree".length + 1 + 16);
    scene.settle(pipes);
    assert.equal(String(server.bytes), "onetwothree");
    client.call((c) => c.abort());
    scene.settle(pipes);
    scene.finish();
  });

  it("encrypts no more than the high mark and what is under way for a peer that does not read", () => {
    const scene = new Scene();
    const { client, server, pipes } = scene.connect();
    scene.settle(pipes);
    const piece = Buffer.alloc(64 * 1024, 7);
    const answers = Array.from({ length: 16 }, () => {
      let answer = true;
      client.call((c) => (answer = c.write([scene.slice(piece)])));
      scene.turns.run();
      return answer;
    });
    assert.deepEqual(answers.slice(0, 3), [true, false, false]);
    assert.ok(pipes[0].queued <= HIGH_MARK + 64 * 1024, `${pipes[0].queued} are encrypted`);
    assert.ok(client.connection.queued >= 16 * piece.length);
    scene.settle(pipes);
    assert.equal(client.writables, 1);
    assert.equal(server.bytes.length, 16 * piece.length);
    client.call((c) => c.abort());
    scene.settle(pipes);
    scene.finish();
  });

  it("shows nothing while it is paused, and then all, with the end behind it", () => {
    const scene = new Scene();
    const { client, server, pipes } = scene.connect();
    scene.settle(pipes);
    server.act = () => server.call((c) => c.pause());
    const piece = Buffer.alloc(400_000, 7);
    client.call((c) => c.write([scene.slice(piece)]));
    client.call((c) => c.end());
    scene.settle(pipes);
    assert.ok(server.bytes.length > 0 && server.bytes.length < 64 * 1024);
    for (let i = 0; i < 100 && server.ends === 0; i++) {
      server.call((c) => c.resume());
      scene.settle(pipes);
    }
    assert.ok(server.bytes.equals(piece));
    server.act = () => undefined;
    server.call((c) => c.close());
    scene.settle(pipes);
    scene.finish();
  });

  it("that ends without saying so was cut off, whatever the socket says", () => {
    const scene = new Scene();
    const { client, server, pipes } = scene.connect();
    scene.settle(pipes);
    client.call((c) => c.write([scene.slice(Buffer.from("half"))]));
    scene.turns.run();
    pipes[0].end();
    scene.settle(pipes);
    assert.equal(String(server.bytes), "half");
    assert.equal(server.ends, 0);
    assert.deepEqual(server.failure, { code: "reset", detail: "TLS_TRUNCATED" });
    client.call((c) => c.abort());
    scene.settle(pipes);
    scene.finish();
  });

  it("with nothing to send is closed when `close` returns, and the peer is told so", () => {
    const scene = new Scene();
    const { client, server, pipes } = scene.connect();
    scene.settle(pipes);
    client.call((c) => c.close());
    assert.equal(client.connection.closed, true);
    scene.settle(pipes);
    assert.deepEqual([client.closes, client.failure, server.ends], [1, null, 1]);
    server.call((c) => c.close());
    scene.settle(pipes);
    scene.finish();
  });

  it("answers a spoilt record with an alert before it fails", () => {
    const scene = new Scene();
    const { client, server, pipes } = scene.connect();
    scene.settle(pipes);
    client.call((c) => c.write([scene.slice(Buffer.from("good"))]));
    scene.settle(pipes);
    client.call((c) => c.write([scene.slice(Buffer.from("bad"))]));
    scene.turns.run();
    pipes[0].deliver((bytes) => {
      bytes[bytes.length - 1]! ^= 1;
      return bytes;
    });
    scene.settle(pipes);
    assert.equal(String(server.bytes), "good");
    assert.deepEqual(server.failure, {
      code: "tls",
      detail: "decryption failed or bad record mac",
    });
    assert.deepEqual(client.failure, { code: "tls", detail: "ssl/tls alert bad record mac" });
    scene.finish();
  });

  it("does not mistake an error that somebody else has left for its own", () => {
    const scene = new Scene();
    const { client, server, pipes } = scene.connect();
    scene.settle(pipes);
    client.call((c) => c.write([scene.slice(Buffer.alloc(20_000))]));
    scene.turns.run();
    const { openssl } = scene.client.ssl;
    const rubbish = openssl.bioOf(Buffer.from("rubbish"));
    const [record] = pipes[0].sent.splice(0);
    for (let at = 0; at < record!.length; at += 1000) {
      // Somebody's error, as it is left by code that does not look.
      openssl.call.PEM_read_bio_X509(rubbish, 0, 0, 0);
      pipes[0].sent.push(record!.subarray(at, at + 1000));
      pipes[0].deliver((bytes) => Buffer.from(bytes));
    }
    scene.settle(pipes);
    assert.equal(server.bytes.length, 20_000);
    client.call((c) => c.abort());
    scene.settle(pipes);
    scene.finish();
  });

  it("works on when there is no memory left that the kernel could send from", () => {
    const scene = new Scene();
    const taken: Slice[] = [];
    for (const memory of [scene.turns.memory, scene.turns.plain]) {
      for (;;) {
        const slice = memory.cutPinned(64 * 1024);
        if (slice === null) break;
        taken.push(slice);
      }
    }
    const { client, server, pipes } = scene.connect();
    scene.settle(pipes);
    const bytes = Buffer.alloc(200_000, 7);
    client.call((c) => c.write([scene.slice(bytes)]));
    scene.settle(pipes);
    assert.ok(server.bytes.equals(bytes));
    client.call((c) => c.abort());
    scene.settle(pipes);
    for (const slice of taken) slice.release();
    scene.finish();
  });

  it("lets go of memory that others want while its peer does not read", () => {
    const scene = new Scene();
    const { client, server, pipes } = scene.connect();
    scene.settle(pipes);
    const owners = Array.from({ length: 20 }, () => {
      const slice = scene.turns.memory.cut(32 * 1024);
      slice.bytes.fill(7, slice.offset, slice.offset + slice.length);
      client.call((c) => c.write([slice]));
      return slice.owner as Pinned;
    });
    scene.turns.run();
    const last = owners.at(-1)!;
    assert.ok(last.references > 0);
    for (const party of scene.turns.stuck) party.relieve();
    assert.equal(last.references, 0);
    scene.settle(pipes);
    assert.ok(server.bytes.equals(Buffer.alloc(20 * 32 * 1024, 7)));
    client.call((c) => c.abort());
    scene.settle(pipes);
    scene.finish();
  });

  it("fails when a peer asks for ever more new keys and does not read the answers", () => {
    const scene = new Scene();
    const { openssl } = scene.client.ssl;
    const functions = openssl.call as Record<string, (...values: number[]) => number>;
    const make = functions["SSL_new"]!;
    let asking = 0;
    functions["SSL_new"] = (context) => {
      const ssl = make(context);
      // The client is made first.
      asking ||= ssl;
      return ssl;
    };
    const { client, server, pipes } = scene.connect();
    functions["SSL_new"] = make;
    scene.settle(pipes);
    const updateKey = new Libc().function("int SSL_key_update(uintptr_t, int)") as (
      ssl: number,
      how: number,
    ) => number;
    for (let i = 0; i < 20_000 && !server.connection.closed; i++) {
      updateKey(asking, 1);
      client.call((c) => c.write([scene.slice(Buffer.from("x"))]));
      scene.turns.run();
      while (pipes[0].deliver((bytes) => bytes));
      scene.turns.run();
    }
    assert.equal(server.connection.closed, true, `${pipes[1].queued} bytes are queued`);
    scene.settle(pipes);
    assert.equal(server.failure?.code, "tls");
    client.call((c) => c.abort());
    scene.settle(pipes);
    scene.finish();
  });

  it("survives whatever a peer sends and its owner does", () => {
    const scenes = [new Scene("TLSv1.2"), new Scene("TLSv1.3")];
    const first = Number(process.env["SEED"] ?? 1);
    const episodes = Number(process.env["EPISODES"] ?? 3000);
    for (let seed = first; seed < first + episodes; seed++) {
      try {
        runEpisode(scenes[seed & 1]!, new Random(seed));
      } catch (error) {
        throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
      }
    }
    for (const scene of scenes) scene.finish();
  });
});

/** Random writes, ends, pauses, cuts, spoilt bytes and resets; then everything is ended, and nothing may be left. */
function runEpisode(scene: Scene, random: Random): void {
  const { client, server, pipes } = scene.connect();
  const sent = { client: [] as Buffer[], server: [] as Buffer[] };
  const ended = { client: false, server: false };
  const spoils = random.chance(50);
  const cuts = random.chance(70);
  let spoilt = false;
  let reset = false;

  const deed = (witness: Witness, side: "client" | "server"): void => {
    witness.call((connection) => {
      const what = random.below(40);
      if (what < 14 && !ended[side] && !connection.closed) {
        const parts = Array.from({ length: 1 + random.below(3) }, () =>
          Buffer.alloc(random.below(random.chance(5) ? 200_000 : 3000), random.below(256)),
        );
        sent[side].push(...parts);
        connection.write(parts.map((part) => scene.slice(part)));
      } else if (what < 17) connection.pause();
      else if (what < 22) connection.resume();
      else if (what > 36) {
        ended[side] = true;
        const how = random.below(8);
        if (how < 4) connection.end();
        else if (how < 6) connection.close();
        else if (how === 6) connection.lingerClose();
        else connection.abort();
      }
    });
  };
  client.act = () => {
    if (random.chance(30)) deed(client, "client");
  };
  server.act = () => {
    if (random.chance(30)) deed(server, "server");
  };

  const change = (bytes: Buffer): Buffer => {
    if (!spoils || !random.chance(8)) return bytes;
    spoilt = true;
    const changed = Buffer.from(bytes);
    const how = random.below(4);
    if (how === 0) return changed.subarray(0, 1 + random.below(changed.length));
    if (how === 1) {
      for (let i = 0; i < changed.length; i++) changed[i] = random.below(256);
      return changed;
    }
    if (how === 2)
      return Buffer.concat([changed, Buffer.alloc(1 + random.below(40), random.below(256))]);
    changed[random.below(changed.length)]! ^= 1 << random.below(8);
    return changed;
  };

  const step = (): void => {
    const pipe = pipes[random.below(2)]!;
    const [next] = pipe.sent;
    if (cuts && next !== undefined && next.length > 1 && random.chance(60)) {
      const at = 1 + random.below(next.length - 1);
      pipe.sent.splice(0, 1, next.subarray(0, at), next.subarray(at));
    }
    pipe.deliver((bytes) => change(Buffer.from(bytes)));
  };

  for (let i = random.below(60); i >= 0; i--) {
    if (random.chance(20)) deed(client, "client");
    if (random.chance(20)) deed(server, "server");
    if (random.chance(60)) step();
    if (random.chance(60)) scene.turns.run();
    if (random.chance(1) && random.chance(30)) {
      reset = true;
      pipes[0].reset();
    }
  }
  scene.settle(pipes);
  const sides = [
    { witness: client, from: Buffer.concat(sent.server) },
    { witness: server, from: Buffer.concat(sent.client) },
  ];
  for (const { witness, from } of sides) {
    const { bytes } = witness;
    assert.ok(bytes.equals(from.subarray(0, bytes.length)), "it received what was not sent");
    if (witness.ends > 0) assert.equal(bytes.length, from.length, "an end in the middle");
    if (!spoilt && !reset && witness.failure !== null) {
      assert.match(witness.failure.detail, /ECONNRESET|TLS_TRUNCATED|close notify/);
    }
  }
  for (const { witness } of sides) {
    witness.act = () => undefined;
    witness.call((connection) => connection.abort());
  }
  scene.settle(pipes);
  for (const { witness } of sides) assert.equal(witness.closes, 1, "it is closed once");
  assert.equal(scene.server.ssl.connections + scene.client.ssl.connections, 0, "an SSL is left");
  assert.equal(scene.turns.kept, 0, "a slice is left");
}
