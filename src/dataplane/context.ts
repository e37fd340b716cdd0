/** What every part of the data plane of one worker shares. */

import type { Clock } from "#core/time/clock.ts";
import type { Random } from "#core/random.ts";
import type { Severity } from "#core/errors.ts";
import type { Abuse } from "#core/http/abuse.ts";
import type { EjectionData } from "#model/snapshot.ts";
import type { ExchangeSink } from "#model/record.ts";
import type { Transport } from "#transport/contract.ts";
import type { LinkedListener, LinkedSnapshot } from "./linked.ts";

/** State of endpoints that all workers share, by slot, as the data plane uses it. */
export interface EndpointCounters {
  /** A request begins or ends at an endpoint. */
  begin(slot: number): void;
  end(slot: number): void;
  /** Takes one of at most `max` connections of the process to the endpoint (0: no limit); false if there is none. */
  tryReserveConnection(slot: number, max: number): boolean;
  /** Gives it back. */
  releaseConnection(slot: number): void;
  /** Unused connections kept by this worker, by difference. */
  addIdle(slot: number, difference: number): void;
  /** Takes one of `max` places in the upstream's queue; false if it is full. */
  tryReservePending(slot: number, max: number): boolean;
  releasePending(slot: number): void;
  /** A connection to the endpoint failed, or succeeded after failures. `wall` in epoch milliseconds. */
  recordFailure(slot: number, ejection: EjectionData, wall: number): void;
  recordSuccess(slot: number): void;
  /** Has another worker a request waiting for a connection to the endpoint? */
  waitsElsewhere(slot: number): boolean;
  /** Rings the bell of a worker that has a request waiting for a connection to the endpoint. */
  wakeWaiter(slot: number): void;
  /** Rings the bell of a worker that keeps an unused connection to the endpoint. */
  wakeHolder(slot: number): void;
}

/** Gauges and limits of the worker itself. */
export interface WorkerCounters {
  /** Takes one of at most `max` downstream connections of the process. */
  tryReserveConnection(max: number): boolean;
  releaseConnection(): void;
  /** Takes one of at most `max` TLS handshakes of the process that may be under way. */
  tryReserveHandshake(max: number): boolean;
  releaseHandshake(): void;
  /** Takes one of the `rate` TLS handshakes of the process that may begin in the second of `wall`, epoch milliseconds. */
  tryBeginHandshake(rate: number, wall: number): boolean;
  /** A TLS handshake has ended. */
  countHandshake(outcome: "full" | "resumed" | "failed"): void;
  /** A client of HTTP/2 has done too much of something. */
  countAbuse(kind: Abuse): void;
  /** Exchanges, tunnels under way and bytes held in buffers, by difference. */
  addExchanges(difference: number): void;
  addTunnels(difference: number): void;
  addBuffered(difference: number): void;
}

/** Counters of things that the access log does not have. */
export type ProcessLog = (
  level: Severity,
  code: string,
  message: string,
  fields?: Readonly<Record<string, string | number>>,
) => void;

/** Handed to every component of the data plane. */
export interface DataPlaneContext {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly endpoints: EndpointCounters;
  readonly worker: WorkerCounters;
  readonly sink: ExchangeSink;
  readonly log: ProcessLog;
  /** Asks the control plane to resolve an endpoint's name again, soon. */
  readonly resolveSoon: (slot: number) => void;
  /** What certificate authorities are answered that ask for a token by HTTP (http-01, RFC 8555 §8.3). */
  challenges: ReadonlyMap<string, string>;
  /** The current snapshot; exchanges keep the one that they began with. */
  snapshot: LinkedSnapshot;
  /** Listeners that the last change of the configuration took away: what is in their queues is still to be served. */
  left: ReadonlyMap<string, LinkedListener>;
  /** No further request is taken on a connection: the worker is being stopped. */
  draining: boolean;
}
