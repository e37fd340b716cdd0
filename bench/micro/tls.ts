/**
 * What TLS over io_uring costs beside the kernel: 1.3 kB encrypted by one connection and decrypted by another, without
 * sockets; the same by calls to OpenSSL alone; and how many calls of C that takes. Prints microseconds and calls.
 *
 *     node bench/micro/tls.ts [--quick]
 */

import type { Slice } from "#core/bytes/slice.ts";
import { issue } from "#tls/certificates.fixture.ts";
import { type ConnectionHandler, HIGH_MARK } from "#transport/contract.ts";
import { QUIET } from "#transport/quiet.fixture.ts";
import { openSsl } from "#transport/uring/native/openssl.ts";
import { Ssl } from "#transport/uring/native/ssl.ts";
import { UringClientContext, UringServerContext } from "#transport/uring/tls/context.ts";
import { Turns } from "#transport/uring/tls/pipe.fixture.ts";
import { type RawConnection, SecureConnection } from "#transport/uring/tls/secure-connection.ts";
import { foreseeable } from "#transport/uring/unavailable.ts";

const ROUNDS = process.argv.includes("--quick") ? 20_000 : 200_000;
const PARTS = 10;
const SIZE = 1300;

const missing = foreseeable();
if (missing !== null) {
  console.log(`tls: ${missing.reason}`);
  process.exit(0);
}

/** Hands what is written to the other end as it is, when it is told to. */
class Wire implements RawConnection {
  handler: ConnectionHandler = QUIET;
  readonly remoteAddress = "";
  readonly remotePort = 0;
  readonly localAddress = "";
  readonly localPort = 0;
  readonly security = null;
  queued = 0;
  readonly taken = 0;
  readonly takenAt = 0;
  closed = false;
  other!: Wire;
  readonly #slices: Slice[] = [];

  write(slices: readonly Slice[]): boolean {
    for (const slice of slices) {
      this.#slices.push(slice);
      this.queued += slice.length;
    }
    return this.queued <= HIGH_MARK;
  }

  /** @returns whether there was anything */
  deliver(): boolean {
    const slice = this.#slices.shift();
    if (slice === undefined) return false;
    this.queued -= slice.length;
    this.other.handler.onData(this.other, slice);
    slice.release();
    return true;
  }

  callWhenWritable(): boolean {
    return false;
  }
  pause(): void {}
  resume(): void {}
  end(): void {}
  close(): void {}
  lingerClose(): void {}
  abort(): void {}
}

const turns = new Turns();
const { pem, key } = issue({ by: null, commonName: "bench.test", names: ["bench.test"] });
const profile = {
  minVersion: "TLSv1.3",
  ciphers: "",
  cipherSuites: "TLS_AES_128_GCM_SHA256",
  groups: ["X25519"],
} as const;
const server = new UringServerContext({
  profile,
  certificates: [{ chain: pem, key }],
  alpn: [],
  clientCertificates: null,
  policy: "",
});
const client = new UringClientContext({
  profile,
  ca: pem,
  certificate: null,
  verify: true,
  alpn: [],
});

const wires = [new Wire(), new Wire()] as const;
wires[0].other = wires[1];
wires[1].other = wires[0];
let received = 0;
const handler: ConnectionHandler = {
  ...QUIET,
  onConnect() {},
  onData: (_, slice) => void (received += slice.length),
  onEnd() {},
  onWritable() {},
  onClose: (_, failure) => console.log("closed", failure),
};
const name = { sni: "bench.test", identity: "bench.test" };
const from = new SecureConnection(
  turns,
  wires[0],
  Ssl.connect(client.ssl, name, null),
  handler,
  [],
  () => true,
);
wires[1].handler = new SecureConnection(turns, wires[1], Ssl.accept(server.ssl), handler, [], null);
settle();

/** Calls of C, by name. */
const calls: Map<string, number> = new Map();

const connections = measure(() => {
  const slice = turns.memory.cut(SIZE);
  from.write([slice]);
  turns.run();
  wires[0].deliver();
});
if (received === 0) throw new Error("nothing arrived");
count();
const bare = measureBare();
console.log(`encrypt and decrypt ${SIZE} bytes: ${connections.toFixed(2)} µs`);
console.log(`the same by OpenSSL alone: ${bare.toFixed(2)} µs`);
console.log(`calls: ${[...calls].map(([call, times]) => `${call} ${times}`).join(", ")}`);

function settle(): void {
  while (turns.run() || wires[0].deliver() || wires[1].deliver());
}

/** µs of CPU for each round: the part that a quarter were faster than. */
function measure(round: () => void): number {
  const parts: number[] = [];
  for (let part = 0; part < PARTS; part++) {
    const begin = process.cpuUsage();
    for (let i = 0; i < ROUNDS / PARTS; i++) round();
    const { user, system } = process.cpuUsage(begin);
    parts.push((user + system) / (ROUNDS / PARTS));
  }
  return parts.sort((a, b) => a - b)[Math.floor(PARTS / 4)]!;
}

/** Counts the calls of one round. */
function count(): void {
  const { call } = openSsl();
  const functions = call as Record<string, (...values: number[]) => number>;
  const originals = { ...functions };
  for (const [called, run] of Object.entries(originals)) {
    functions[called] = (...values) => {
      calls.set(called, (calls.get(called) ?? 0) + 1);
      return run(...values);
    };
  }
  from.write([turns.memory.cut(SIZE)]);
  turns.run();
  wires[0].deliver();
  Object.assign(functions, originals);
}

/** Two `SSL`s with memory between them, and nothing else. */
function measureBare(): number {
  const a = Ssl.connect(client.ssl, name, null);
  const b = Ssl.accept(server.ssl);
  const { gathering } = turns;
  const memory = turns.memory.cut(20_000);
  const { length } = memory;
  const move = (writer: Ssl, reader: Ssl): void => {
    memory.length = length;
    if (writer.written() === 0) return;
    memory.length = writer.take(memory, 0);
    reader.feed(memory, 0, memory.length);
  };
  let done = 0;
  while (done < 2) {
    done = 0;
    if (a.handshake() === "done") done++;
    move(a, b);
    if (b.handshake() === "done") done++;
    move(b, a);
  }
  memory.length = length;
  a.read(memory, 0);
  a.established();
  b.established();
  return measure(() => {
    a.write(gathering, 0, SIZE);
    memory.length = length;
    memory.length = a.take(memory, 0);
    b.feed(memory, 0, memory.length);
    memory.length = length;
    if (b.read(memory, 0) !== SIZE) throw new Error("nothing arrived");
  });
}
