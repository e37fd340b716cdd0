/** Connections that go to an upstream unopened, chosen by the server name of TLS: layer 4. */

import { FAILURES, type Failure, type FailureCode } from "#core/errors.ts";
import type { Slice } from "#core/bytes/slice.ts";
import type { Connection, ConnectionHandler } from "#transport/contract.ts";
import type { DataPlaneContext } from "../context.ts";
import type { LinkedEndpoint, LinkedUpstream } from "../linked.ts";
import { Dialer, type DialUser } from "./dialer.ts";
import { Tunnel, type TunnelUser } from "./tunnel.ts";

/** Endpoints that are tried for one connection: nothing of it was sent, so another is as good. */
const MOST_ATTEMPTS = 3;

/** Those of a worker. */
export class PassThroughs {
  readonly #context: DataPlaneContext;
  readonly #onEnded: () => void;
  readonly #open: Set<PassThrough> = new Set();

  /** @param onEnded called when one has ended */
  constructor(context: DataPlaneContext, onEnded: () => void) {
    this.#context = context;
    this.#onEnded = onEnded;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Takes a connection over, with what was received on it. */
  begin(client: Connection, received: Slice[], upstream: LinkedUpstream): void {
    const passThrough = new PassThrough(this.#context, client, received, upstream, (ended) => {
      this.#open.delete(ended);
      this.#context.worker.releaseConnection();
      this.#onEnded();
    });
    this.#open.add(passThrough);
    passThrough.begin();
  }

  /** Ends them in an orderly way. */
  closeAll(): void {
    for (const one of this.#open) one.close();
  }

  /** Cuts them. */
  destroyAll(): void {
    for (const one of this.#open) one.destroy();
  }
}

/** One such connection. */
class PassThrough implements DialUser, ConnectionHandler, TunnelUser {
  readonly #context: DataPlaneContext;
  readonly #client: Connection;
  readonly #received: Slice[];
  readonly #upstream: LinkedUpstream;
  readonly #onEnd: (self: PassThrough) => void;
  #tried: LinkedEndpoint[] = [];
  #endpoint: LinkedEndpoint | null = null;
  #dialer: Dialer | null = null;
  #tunnel: Tunnel | null = null;

  constructor(
    context: DataPlaneContext,
    client: Connection,
    received: Slice[],
    upstream: LinkedUpstream,
    onEnd: (self: PassThrough) => void,
  ) {
    this.#context = context;
    this.#client = client;
    this.#received = received;
    this.#upstream = upstream;
    this.#onEnd = onEnd;
  }

  /** Connects to an endpoint. The client waits meanwhile. */
  begin(): void {
    this.#client.handler = this;
    this.#client.pause();
    this.#context.worker.addTunnels(1);
    this.#dial();
  }

  close(): void {
    if (this.#tunnel === null) this.#client.abort();
    else this.#tunnel.close();
  }

  destroy(): void {
    if (this.#tunnel === null) this.#client.abort();
    else this.#tunnel.destroy();
  }

  #dial(): void {
    const endpoint = this.#upstream.balancer.pick(this.#tried);
    if (endpoint === null) return this.#fail("no_endpoint", "");
    const { addresses } = endpoint.state;
    if (addresses.length === 0) {
      this.#context.resolveSoon(endpoint.slot);
      return this.#fail("upstream_unresolved", endpoint.name);
    }
    this.#tried.push(endpoint);
    this.#endpoint = endpoint;
    this.#context.endpoints.begin(endpoint.slot);
    this.#dialer = new Dialer(this.#context, addresses, null, this.#upstream.connectTimeout, this);
  }

  onDialed(backend: Connection): void {
    this.#dialer = null;
    this.#context.endpoints.recordSuccess(this.#endpoint!.slot);
    const { timers } = this.#context.transport;
    const { write } = this.#context.snapshot.data.timeouts;
    const tunnel = new Tunnel(
      timers,
      this.#client,
      backend,
      this.#upstream.tunnelIdle,
      write,
      this,
    );
    this.#tunnel = tunnel;
    tunnel.begin(this.#received.splice(0), []);
    this.#client.resume();
  }

  onDialFailed(fault: Failure): void {
    this.#dialer = null;
    const { slot, name } = this.#endpoint!;
    this.#leaveEndpoint();
    this.#context.resolveSoon(slot);
    const wall = this.#context.clock.wall();
    this.#context.endpoints.recordFailure(slot, this.#upstream.ejection, wall);
    const more = this.#tried.length < Math.min(MOST_ATTEMPTS, this.#upstream.endpoints.length);
    if (more) this.#dial();
    else this.#fail(fault.code, `${name} ${fault.detail}`);
  }

  #fail(code: FailureCode, detail: string): void {
    const { name } = this.#upstream;
    this.#context.log("error", code, FAILURES[code].sentence, { upstream: name, detail });
    this.#client.abort();
  }

  onTunnelEnd(): void {
    this.#end();
  }

  #leaveEndpoint(): void {
    if (this.#endpoint !== null) this.#context.endpoints.end(this.#endpoint.slot);
    this.#endpoint = null;
  }

  #end(): void {
    this.#dialer?.cancel();
    this.#dialer = null;
    this.#leaveEndpoint();
    for (const slice of this.#received.splice(0)) slice.release();
    this.#context.worker.addTunnels(-1);
    this.#onEnd(this);
  }

  // ── the client while there is no backend ────────────────────────────────────────────────────────────

  onData(_connection: Connection, slice: Slice): void {
    this.#received.push(slice.part(0, slice.length));
  }
  onEnd(): void {
    this.#client.abort();
  }
  onClose(): void {
    this.#end();
  }
  onConnect(): void {}
  onWritable(): void {}
}
