/** What the suite of TLS does with two transports, and with strangers: `node:tls` on sockets of its own. */

import assert from "node:assert/strict";
import * as net from "node:net";
import { Duplex } from "node:stream";
import * as tls from "node:tls";
import { Slice } from "#core/bytes/slice.ts";
import { HOST } from "./certificates.fixture.ts";
import type { Connection, SocketAddress, Tls, Transport } from "./contract.ts";
import { QUIET } from "./quiet.fixture.ts";
import { Counter, Recorder, Stage, type TransportBench } from "./stage.fixture.ts";
import type {
  BackendName,
  ClientContext,
  ClientTlsOptions,
  ServerContext,
  ServerTlsOptions,
  TlsProfile,
} from "./tls.ts";

/** A bench of two transports that have TLS. */
export interface TlsBench extends TransportBench {
  /** Whether a client that shows a bad certificate is sent an alert; Node.js closes without one. */
  readonly alertsBadClients: boolean;
}

/** A profile as the intermediate one of Mozilla's, with a group that no library has. */
export const PROFILE: TlsProfile = {
  minVersion: "TLSv1.2",
  ciphers:
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:" +
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305",
  cipherSuites: "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256",
  groups: ["nosuchgroup", "X25519MLKEM768", "X25519", "prime256v1"],
};

/** Whom the tests' servers prove to be. */
export const NAME: BackendName = { sni: HOST, identity: HOST };

/** A secret for tickets; each number gives another. */
export function secret(seed: number): Uint8Array {
  return new Uint8Array(32).fill(seed);
}

/** The TLS of a transport that has one. */
export function tlsOf(transport: Transport): Tls {
  assert.ok(transport.tls, "this transport has TLS");
  return transport.tls;
}

/** A listener whose connections are terminated, and clients that dial it. */
export class TlsStage {
  readonly bench: TlsBench;
  readonly stage: Stage;
  /** Connections of clients, in the order in which they came; each has `connects` 1 when it is secured. */
  readonly served: Recorder[] = [];
  /** Cuts up what was read before TLS begins; without it nothing is. */
  cut: ((bytes: Buffer) => Buffer[]) | undefined;
  /** The owners of what was handed over. */
  readonly counters: Counter[] = [];
  /** Sees to what happens when TLS begins; without it that must go well. */
  onTerminate: ((accept: () => void) => void) | undefined;
  readonly #cleanup: (() => void)[] = [];
  readonly #hosted: Set<net.Socket> = new Set();
  #arrived: () => void = () => undefined;

  constructor(bench: TlsBench) {
    this.bench = bench;
    this.stage = new Stage(bench);
  }

  /** Makes a context and listens with it. */
  async serve(
    options: ServerTlsOptions,
    transport: Transport = this.bench.server,
  ): Promise<Served> {
    const context = tlsOf(transport).server(options);
    const listener = await transport.listen(
      { kind: "address", address: this.#nextAddress() },
      {
        onConnection: (raw) => this.#terminate(transport, raw, context),
        onAcceptFailure: () => assert.fail("accepting failed"),
      },
    );
    return { context, address: listener.address };
  }

  #addresses = 0;

  /** Unix sockets: a path of its own for each listener. */
  #nextAddress(): SocketAddress {
    const { address } = this.bench;
    if (address.kind === "tcp") return address;
    return { kind: "unix", path: `${address.path}-${++this.#addresses}` };
  }

  #terminate(transport: Transport, raw: Connection, context: ServerContext): void {
    const recorder = new Recorder();
    const { onTerminate } = this;
    if (onTerminate !== undefined) {
      raw.handler = QUIET;
      onTerminate(() => tlsOf(transport).accept(raw, context, [], recorder));
      return;
    }
    const accept = (received: readonly Slice[]): void => {
      recorder.calling = true;
      recorder.connection = tlsOf(transport).accept(raw, context, received, recorder);
      recorder.calling = false;
      this.served.push(recorder);
      this.#arrived();
    };
    const { cut } = this;
    if (cut === undefined) {
      accept([]);
      return;
    }
    let read = Buffer.alloc(0);
    raw.handler = {
      ...QUIET,
      onData: (_, slice) => {
        read = Buffer.concat([read, slice.view()]);
        // One record: its length is in the two bytes behind type and version.
        if (read.length < 5 || read.length < 5 + read.readUInt16BE(3)) return;
        accept(
          cut(read).map((bytes) => {
            const counter = new Counter();
            this.counters.push(counter);
            return new Slice(bytes, 0, bytes.length, counter);
          }),
        );
      },
    };
  }

  /** The connection of the `count`th client, secured or on its way there. */
  async accepted(count = 1): Promise<Recorder> {
    while (this.served.length < count) {
      await this.bench.until(new Promise<void>((resolve) => (this.#arrived = resolve)));
    }
    return this.served[count - 1]!;
  }

  /** The `count`th client's, when its handshake is over. */
  async secured(count = 1): Promise<Recorder> {
    const recorder = await this.accepted(count);
    await this.until(recorder, () => recorder.connects === 1 || recorder.gone);
    assert.equal(recorder.connects, 1, `no handshake: ${recorder.failure?.detail}`);
    return recorder;
  }

  /** Connects with the client transport and starts TLS. */
  async dial(
    address: SocketAddress,
    context: ClientContext,
    name: BackendName = NAME,
  ): Promise<Recorder> {
    const recorder = new Recorder();
    const up = new Promise<void>((resolve) => {
      this.bench.client.connect(address, 10_000, {
        ...QUIET,
        onConnect: (raw) => {
          recorder.calling = true;
          recorder.connection = tlsOf(this.bench.client).connect(raw, context, name, recorder);
          recorder.calling = false;
          resolve();
        },
        onClose: (_, failure) => assert.fail(`no connection: ${failure?.detail}`),
      });
    });
    await this.bench.until(up);
    return recorder;
  }

  /** {@link dial}, and waits for what becomes of it. */
  async dialed(
    address: SocketAddress,
    context: ClientContext,
    name: BackendName = NAME,
  ): Promise<Recorder> {
    const recorder = await this.dial(address, context, name);
    await this.until(recorder, () => recorder.connects === 1 || recorder.gone);
    return recorder;
  }

  /** Two transports with a connection between them, secured on both sides. */
  async pair(
    server: ServerTlsOptions,
    client: ClientTlsOptions,
  ): Promise<{ client: Recorder; server: Recorder }> {
    const { address } = await this.serve(server);
    const context = tlsOf(this.bench.client).client(client);
    const count = this.served.length + 1;
    const dialed = await this.dialed(address, context);
    assert.equal(dialed.connects, 1, `no handshake: ${dialed.failure?.detail}`);
    return { client: dialed, server: await this.secured(count) };
  }

  until(recorder: Recorder, ready: () => boolean): Promise<void> {
    return this.stage.until(recorder, ready);
  }

  closed(...recorders: Recorder[]): Promise<void> {
    return this.stage.closed(...recorders);
  }

  /** A client of `node:tls`. */
  stranger(address: SocketAddress, options: tls.ConnectionOptions = {}): Stranger {
    const stranger = new Stranger(new Wire(net.connect(connectOptions(address))), options);
    this.#cleanup.push(() => stranger.destroy());
    return stranger;
  }

  /** Bare bytes to where TLS is expected. */
  bare(address: SocketAddress): net.Socket {
    const socket = net.connect(connectOptions(address));
    socket.on("error", () => undefined);
    socket.on("end", () => socket.end());
    socket.resume();
    this.#cleanup.push(() => socket.destroy());
    return socket;
  }

  /** A server of `node:tls`, and what it does with each connection. */
  async host(
    options: tls.TlsOptions,
    onConnection: (socket: tls.TLSSocket) => void = () => undefined,
  ): Promise<SocketAddress> {
    const server = tls.createServer({ allowHalfOpen: true, ...options } as tls.TlsOptions);
    server.on("secureConnection", (socket) => {
      socket.on("error", () => undefined);
      // Not at once: Node sends no close_notify of an end that is asked for inside this event.
      setImmediate(onConnection, socket);
    });
    server.on("tlsClientError", () => undefined);
    server.on("connection", (socket: net.Socket) => this.#hosted.add(socket));
    this.#cleanup.push(() => {
      server.close();
      for (const socket of this.#hosted) socket.destroy();
    });
    const address = this.#nextAddress();
    const where = address.kind === "tcp" ? { ...address } : { path: address.path };
    await this.bench.until(new Promise<void>((resolve) => server.listen(where, resolve)));
    if (address.kind === "unix") return address;
    return { ...address, port: (server.address() as net.AddressInfo).port };
  }

  /** Ends the connections of the servers of {@link host} below TLS, as a process does that dies. */
  cutOff(): void {
    // What TLS has written is in the system's hands by now; closing sends a FIN behind it and nothing else.
    for (const socket of this.#hosted) socket.destroy();
  }

  async finish(): Promise<void> {
    for (const clean of this.#cleanup.splice(0)) clean();
    await this.bench.finish();
  }
}

/** A context that is listened with. */
export interface Served {
  readonly context: ServerContext;
  readonly address: SocketAddress;
}

function connectOptions(address: SocketAddress): net.NetConnectOpts {
  if (address.kind === "unix") return { path: address.path, allowHalfOpen: true };
  return { host: address.host, port: address.port, allowHalfOpen: true, noDelay: true };
}

/** A socket between TLS and the network that a test can listen to and interfere with. */
export class Wire extends Duplex {
  readonly socket: net.Socket;
  /** Sends bytes that TLS has made. */
  send: (bytes: Buffer) => void;
  /** Records that have arrived, by their type (RFC 8446 §5.1: 23 is application data, or anything encrypted). */
  readonly records: number[] = [];
  #tail: Buffer = Buffer.alloc(0);

  constructor(socket: net.Socket) {
    super();
    this.socket = socket;
    this.send = (bytes) => void socket.write(bytes);
    socket.on("data", (bytes) => {
      this.#count(bytes);
      if (!this.push(bytes)) socket.pause();
    });
    socket.on("end", () => this.push(null));
    socket.on("error", (error) => this.destroy(error));
    socket.on("close", () => this.destroy());
  }

  override _read(): void {
    this.socket.resume();
  }

  override _write(bytes: Buffer, _: BufferEncoding, done: () => void): void {
    this.send(bytes);
    if (this.socket.writableNeedDrain) this.socket.once("drain", done);
    else done();
  }

  override _final(done: () => void): void {
    this.socket.end();
    done();
  }

  override _destroy(_: Error | null, done: () => void): void {
    this.socket.destroy();
    done();
  }

  #count(bytes: Buffer): void {
    let rest: Buffer = Buffer.concat([this.#tail, bytes]);
    while (rest.length >= 5 && rest.length >= 5 + rest.readUInt16BE(3)) {
      this.records.push(rest[0]!);
      rest = rest.subarray(5 + rest.readUInt16BE(3));
    }
    this.#tail = rest;
  }
}

/** A client of `node:tls`, and what it has seen. */
export class Stranger {
  readonly wire: Wire;
  readonly socket: tls.TLSSocket;
  readonly received: Buffer[] = [];
  /** The last session that it was given. */
  session: Buffer | undefined;
  staple: Buffer | null | undefined;
  /** Null when it was closed without one. */
  error: (Error & { code?: string }) | null = null;
  readonly secured: Promise<boolean>;
  readonly ended: Promise<void>;
  readonly closed: Promise<void>;
  /** The network has nothing more for it, and what there was has been read. */
  readonly over: Promise<void>;

  constructor(wire: Wire, options: tls.ConnectionOptions) {
    this.wire = wire;
    this.socket = tls.connect({
      socket: wire,
      servername: HOST,
      rejectUnauthorized: false,
      ...options,
    });
    const { socket } = this;
    socket.on("data", (bytes: Buffer) => this.received.push(bytes));
    socket.on("session", (session: Buffer) => (this.session = session));
    socket.on("OCSPResponse", (staple: Buffer | null) => (this.staple = staple));
    socket.on("error", (error: Error) => {
      this.error ??= error;
      // As clients do; Node leaves the connection open when an alert comes behind the handshake.
      wire.socket.end();
    });
    this.secured = new Promise((resolve) => {
      socket.once("secureConnect", () => resolve(true));
      socket.once("close", () => resolve(false));
    });
    this.ended = new Promise((resolve) => socket.once("end", () => resolve()));
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    this.over = new Promise((resolve) => {
      wire.once("end", () => setImmediate(resolve));
      wire.once("close", () => setImmediate(resolve));
    });
  }

  get bytes(): Buffer {
    return Buffer.concat(this.received);
  }

  destroy(): void {
    this.socket.destroy();
    this.wire.destroy();
  }
}
