/**
 * A proxy between clients and backends that a test plays by hand, in a network in memory: no sockets, no time that
 * passes by itself, and memory that is overwritten as soon as it may be. `close` fails if anything is left behind.
 */

import assert from "node:assert/strict";
import { sliceOf, type Slice } from "#core/bytes/slice.ts";
import { Xorshift } from "#core/random.ts";
import type { Behaviour } from "#transport/memory/address.ts";
import { MemoryNetwork } from "#transport/memory/network.ts";
import type {
  Connection,
  ConnectionHandler,
  SocketAddress,
  Transport,
  TransportFailure,
} from "#transport/contract.ts";
import { startProxy, type ProxyOptions, type TestProxy } from "../../test/harness/proxy.ts";

/** Where backend number `index` listens. */
export function originAddress(index: number): SocketAddress & { readonly kind: "tcp" } {
  return { kind: "tcp", host: "10.0.0.9", port: 80 + index };
}

/** What a test wants of a scene. */
export interface MemorySceneOptions extends ProxyOptions {
  readonly seed?: number;
  /** Bytes under way in each direction of a connection. */
  readonly window?: number;
  /** How many backends there are, 1 unless given. */
  readonly origins?: number;
  /** How connections to all backends turn out, or to each. */
  readonly behaviour?: Behaviour;
  readonly behaviours?: readonly Behaviour[];
  /** Called for each head that a backend has received; without it, the test plays the backend. */
  readonly script?: (peer: Peer, head: string) => void;
}

/** One end of a connection: everything it was sent, as latin1 text. */
export class Peer implements ConnectionHandler {
  connection: Connection | null = null;
  /** Which backend it belongs to; -1 for a client. */
  readonly origin: number;
  text = "";
  ended = false;
  closed = false;
  failure: TransportFailure | null = null;
  readonly #script: ((peer: Peer, head: string) => void) | undefined;
  #handled = 0;

  constructor(origin = -1, script?: (peer: Peer, head: string) => void) {
    this.origin = origin;
    this.#script = script;
  }

  send(text: string): void {
    this.connection!.write([sliceOf(Uint8Array.from(text, (char) => char.charCodeAt(0)))]);
  }
  onConnect(): void {}
  onData(_connection: Connection, slice: Slice): void {
    this.text += Buffer.from(slice.view()).toString("latin1");
    if (this.#script === undefined) return;
    for (let end; (end = this.text.indexOf("\r\n\r\n", this.#handled)) >= 0;) {
      const head = this.text.slice(this.#handled, end + 4);
      this.#handled = end + 4;
      this.#script(this, head);
    }
  }
  onEnd(connection: Connection): void {
    this.ended = true;
    if (this.origin >= 0) connection.close();
  }
  onWritable(): void {}
  onClose(_connection: Connection, failure: TransportFailure | null): void {
    this.closed = true;
    this.failure = failure;
  }
}

/** See the head of this file. */
export class MemoryScene {
  readonly network: MemoryNetwork;
  readonly proxy: TestProxy;
  /** Connections that backends have accepted, in that order. */
  readonly backends: Peer[];
  readonly #originHost: Transport;
  readonly #clientHost: Transport;

  private constructor(
    network: MemoryNetwork,
    proxy: TestProxy,
    backends: Peer[],
    originHost: Transport,
  ) {
    this.network = network;
    this.proxy = proxy;
    this.backends = backends;
    this.#originHost = originHost;
    this.#clientHost = network.transport("10.0.0.1");
  }

  static async start(options: MemorySceneOptions = {}): Promise<MemoryScene> {
    const { seed = 1, origins = 1, script } = options;
    const network = new MemoryNetwork({
      random: new Xorshift(seed),
      ...(options.window === undefined ? {} : { window: options.window }),
    });
    const originHost = network.transport("10.0.0.9");
    const backends: Peer[] = [];
    const addresses = Array.from({ length: origins }, (_, index) => originAddress(index));
    for (const [index, address] of addresses.entries()) {
      network.behave(address, options.behaviours?.[index] ?? options.behaviour ?? {});
      await originHost.listen(
        { kind: "address", address },
        {
          onConnection: (connection) => {
            const peer = new Peer(index, script);
            peer.connection = connection;
            connection.handler = peer;
            backends.push(peer);
          },
          onAcceptFailure: () => assert.fail(),
        },
      );
    }
    const transport = network.transport();
    const proxy = await startProxy({ backends: addresses, ...options, transport });
    return new MemoryScene(network, proxy, backends, originHost);
  }

  get address(): SocketAddress & { readonly kind: "tcp" } {
    return { kind: "tcp", host: "127.0.0.1", port: this.proxy.port };
  }

  /** A client that is connected; `text` is sent at once. */
  client(text = ""): Peer {
    const peer = new Peer();
    this.join(peer);
    this.network.run();
    if (text !== "") peer.send(text);
    this.network.run();
    return peer;
  }

  /** Connects a client of the test's own. */
  join(peer: Peer): void {
    peer.connection = this.#clientHost.connect(this.address, 1000, peer);
  }

  run(): void {
    this.network.run();
  }

  /** Lets promises that are settled be seen, and what follows from them happen. */
  async turns(count = 5): Promise<void> {
    for (let turn = 0; turn < count; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      this.network.run();
    }
  }

  /** Closes everything; fails if the proxy has left anything behind. */
  async close(): Promise<void> {
    await this.#whileTimePasses(this.proxy.close());
    await this.#whileTimePasses(this.#originHost.shutdown());
    await this.#whileTimePasses(this.#clientHost.shutdown());
    this.network.run();
    this.network.assertClean();
  }

  async #whileTimePasses(pending: Promise<void>): Promise<void> {
    const state = { over: false };
    void pending.then(
      () => (state.over = true),
      () => (state.over = true),
    );
    for (let turn = 0; turn < 200 && !state.over; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      this.network.advance(100);
    }
    assert.ok(state.over, "closing comes to an end");
    await pending;
  }
}

/** Plays a scene, and closes it whatever happens. */
export async function play(
  options: MemorySceneOptions,
  scene: (stage: MemoryScene) => Promise<void> | void,
): Promise<void> {
  const stage = await MemoryScene.start(options);
  await scene(stage);
  await stage.close();
}

/** An answer of a backend, framed by length. */
export function answer(status: string, body = "", ...fields: string[]): string {
  const lines = fields.map((field) => `${field}\r\n`).join("");
  return `HTTP/1.1 ${status}\r\n${lines}Content-Length: ${body.length}\r\n\r\n${body}`;
}
