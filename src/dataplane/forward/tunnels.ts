/** The tunnels of a worker. */

import type { FailureCode } from "#core/errors.ts";
import type { ResponseHead } from "#core/http/message.ts";
import type { DataPlaneContext } from "../context.ts";
import type { Exchange } from "../exchange.ts";
import type { SwitchedUpstream } from "./attempt.ts";
import { Tunnel, type TunnelUser } from "./tunnel.ts";
import { isAccepted } from "./websocket.ts";

/** Told when a tunnel has ended; its bytes are the exchange's by then. */
export interface TunnelsUser {
  onTunnelEnded(exchange: Exchange, end: FailureCode | null): void;
}

/** Joins connections, counts them, and knows whose they are. */
export class Tunnels implements TunnelUser {
  readonly #context: DataPlaneContext;
  readonly #user: TunnelsUser;
  readonly #open: Map<Tunnel, { readonly exchange: Exchange; readonly done: () => void }> =
    new Map();

  constructor(context: DataPlaneContext, user: TunnelsUser) {
    this.#context = context;
    this.#user = user;
  }

  get size(): number {
    return this.#open.size;
  }

  /**
   * Whether the backend may switch protocols; if not, its connection goes. Bytes that belong to the request would become
   * the tunnel's (RFC 9110 §7.8).
   */
  accepts({ body, request }: Exchange, head: ResponseHead, upstream: SwitchedUpstream): boolean {
    if (body.complete && body.waiting === 0 && isAccepted(request, head)) return true;
    refuseSwitch(upstream);
    return false;
  }

  /** Joins a client's connection to a backend's. */
  join(exchange: Exchange, head: ResponseHead, upstream: SwitchedUpstream): void {
    exchange.body.giveUpReplay();
    exchange.status = 101;
    exchange.upgrade = exchange.request.upgrade;
    exchange.responseStarted = true;
    const { connection: client, early } = exchange.client.switchProtocols(head);
    const { timers } = this.#context.transport;
    const { tunnelIdle } = exchange.plan.route!.timeouts;
    const { write } = exchange.snapshot.data.timeouts;
    const tunnel = new Tunnel(timers, client, upstream.connection, tunnelIdle, write, this);
    this.#open.set(tunnel, { exchange, done: upstream.done });
    this.#context.worker.addTunnels(1);
    tunnel.begin(early, upstream.early);
  }

  onTunnelEnd(tunnel: Tunnel, end: FailureCode | null): void {
    const entry = this.#open.get(tunnel);
    if (entry === undefined) return;
    this.#open.delete(tunnel);
    this.#context.worker.addTunnels(-1);
    entry.done();
    entry.exchange.requestBytes += tunnel.requestBytes;
    entry.exchange.responseBytes += tunnel.responseBytes;
    this.#user.onTunnelEnded(entry.exchange, end);
  }

  /** Ends them in an orderly way. */
  closeAll(): void {
    for (const tunnel of this.#open.keys()) tunnel.close();
  }

  /** Cuts them. */
  destroyAll(): void {
    for (const tunnel of this.#open.keys()) tunnel.destroy();
  }
}

/** The backend has switched protocols in a way that nobody asked for: its connection goes. */
export function refuseSwitch({ early, connection, done }: SwitchedUpstream): void {
  for (const slice of early) slice.release();
  connection.abort();
  done();
}
