/** Upstreams of a configuration as data of a snapshot. */

import type {
  AttemptTimeouts,
  Config,
  EjectionConfig,
  HealthConfig,
  UpstreamConfig,
} from "#config/types.ts";
import type {
  EjectionData,
  HealthData,
  PoolData,
  UpstreamData,
  UpstreamTimeouts,
} from "#model/snapshot.ts";
import { hashOf } from "./hash.ts";
import { compileUpstreamTls } from "./tls.ts";

/** The longest keep-alive that is believed of a backend; behind it may be a firewall that forgets. */
const IDLE_MAX = 60_000;
/**
 * Unused connections that each worker keeps to one endpoint. Many answers can end in one turn: to close what that frees would mean
 * to connect again in the next. Those that are too many in the long run go by their time.
 */
const MAX_IDLE = 512;
/** Bodies up to this size are kept so that they can be sent again. */
const RETRY_BUFFER = 64 * 1024;
/** Retries under way that are allowed whatever their share. */
const RETRY_MINIMUM = 3;

/** An upstream, its endpoints without their rows. */
export type UnplacedUpstream = Omit<UpstreamData, "endpoints"> & {
  readonly endpoints: readonly (Omit<UpstreamData["endpoints"][number], "slot"> & {
    /** Equal keys share health, counters and connections, across configurations. */
    readonly key: string;
  })[];
};

/** An upstream with every default filled in. */
export function compileUpstream(
  upstream: UpstreamConfig,
  config: Config,
  texts: ReadonlyMap<string, string>,
): UnplacedUpstream {
  const tls = compileUpstreamTls(upstream, texts);
  const pool = compilePool(upstream);
  const ejection = compileEjection(upstream.ejection);
  const { retries } = upstream;
  const policy = hashOf({ pool, tls }).slice(0, 16);
  return {
    name: upstream.name,
    endpoints: upstream.endpoints.map(({ url, address, weight, secure }) => ({
      name: url,
      address,
      weight,
      secure,
      key: `${upstream.name} ${url} ${policy}`,
    })),
    balance: upstream.balance,
    timeouts: { ...attemptTimeouts(config.timeouts), ...attemptTimeouts(upstream.timeouts) },
    pool,
    retries: {
      attempts: retries.attempts,
      statuses: retries.on,
      idempotencyKey: retries.idempotencyKey,
      bufferBytes: RETRY_BUFFER,
      budgetRatio: retries.budgetPercent / 100,
      budgetMinimum: RETRY_MINIMUM,
    },
    ejection,
    health: upstream.health === null ? null : compileHealth(upstream.health),
    tls,
  };
}

/** Those of the timeouts that are said, with 0 for none. */
export function attemptTimeouts(timeouts: Required<AttemptTimeouts>): UpstreamTimeouts;
export function attemptTimeouts(timeouts: AttemptTimeouts): Partial<UpstreamTimeouts>;
export function attemptTimeouts(timeouts: AttemptTimeouts): Partial<UpstreamTimeouts> {
  const { connect, firstByte, responseIdle, tunnelIdle } = timeouts;
  return {
    ...(connect === undefined ? {} : { connect }),
    ...(firstByte === undefined ? {} : { firstByte }),
    ...(responseIdle === undefined ? {} : { responseIdle: responseIdle ?? 0 }),
    ...(tunnelIdle === undefined ? {} : { tunnelIdle }),
  };
}

function compilePool({ connections }: UpstreamConfig): PoolData {
  return {
    maxConnections: connections.max ?? 0,
    maxPending: connections.maxPending,
    queueTimeout: connections.queueTimeout,
    idle: connections.idle,
    idleMax: IDLE_MAX,
    maxIdle: MAX_IDLE,
  };
}

function compileEjection(ejection: EjectionConfig | null): EjectionData {
  return ejection ?? { consecutiveFailures: 0, pause: 0, maxPause: 0 };
}

function compileHealth(health: HealthConfig): HealthData {
  return { ...health, expect: health.expect.map(({ from, to }) => [from, to]) };
}
