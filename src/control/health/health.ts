import type { Random } from "#core/random.ts";
import type { EndpointAddress, EndpointData, HealthData, UpstreamData } from "#model/snapshot.ts";
import type { UpstreamTlsData } from "#model/tls.ts";
import type { Scheduler } from "#core/time/scheduler.ts";
import type { Probe, ProbeResult, ProbeTls } from "./probe.ts";

/** How the checks are made. */
export interface HealthOptions {
  readonly probe: Probe;
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** Numeric addresses of an endpoint; empty while its name is unresolved. */
  readonly addresses: (endpoint: EndpointData) => readonly EndpointAddress[];
  /** The verdict that the data plane reads. */
  readonly setHealthy: (slot: number, healthy: boolean) => void;
  readonly log: (level: "info" | "warn", message: string, fields: Record<string, unknown>) => void;
}

/** Share of the interval by which checks are spread. */
const JITTER = 0.1;

/** One endpoint under check. */
interface Subject {
  readonly endpoint: EndpointData;
  readonly upstream: string;
  readonly health: HealthData;
  readonly tls: UpstreamTlsData | null;
  healthy: boolean;
  /** Results in a row that contradict `healthy`. */
  against: number;
  cancel: (() => void) | null;
  readonly stop: AbortController;
}

/**
 * Active health checks. An endpoint counts as healthy until checks have failed; what is known of one whose check
 * did not change outlives a reload.
 */
export class HealthChecker {
  readonly #options: HealthOptions;
  readonly #subjects: Map<string, Subject> = new Map();

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  /** These are the upstreams now. */
  update(upstreams: readonly UpstreamData[]): void {
    const wanted = new Map<string, Subject>();
    for (const upstream of upstreams) {
      if (upstream.health === null) continue;
      for (const endpoint of upstream.endpoints) {
        const subject: Subject = {
          endpoint,
          upstream: upstream.name,
          health: upstream.health,
          tls: upstream.tls,
          healthy: true,
          against: 0,
          cancel: null,
          stop: new AbortController(),
        };
        wanted.set(keyOf(subject), subject);
      }
    }
    for (const [key, subject] of this.#subjects) {
      if (wanted.has(key)) continue;
      end(subject);
      this.#subjects.delete(key);
      // Without a check, or with another, nothing is known against it.
      if (!subject.healthy) this.#options.setHealthy(subject.endpoint.slot, true);
    }
    for (const [key, subject] of wanted) {
      if (this.#subjects.has(key)) continue;
      this.#subjects.set(key, subject);
      this.#options.setHealthy(subject.endpoint.slot, true);
      // The first one soon, but not all of them in the same moment.
      this.#later(subject, subject.health.interval * JITTER * this.#options.random.next());
    }
  }

  /** Makes no more checks. */
  stop(): void {
    for (const subject of this.#subjects.values()) end(subject);
    this.#subjects.clear();
  }

  #later(subject: Subject, delay: number): void {
    subject.cancel = this.#options.scheduler.after(delay, () => void this.#check(subject));
  }

  async #check(subject: Subject): Promise<void> {
    const { endpoint, health, stop } = subject;
    subject.cancel = null;
    const result = await this.#options.probe(
      {
        addresses: this.#options.addresses(endpoint),
        host: health.host ?? authorityOf(endpoint),
        health,
        tls: subject.tls === null || !endpoint.secure ? null : probeTls(endpoint, subject.tls),
      },
      stop.signal,
    );
    if (stop.signal.aborted) return;
    this.#weigh(subject, result);
    const spread = 1 - JITTER + 2 * JITTER * this.#options.random.next();
    this.#later(subject, health.interval * spread);
  }

  #weigh(subject: Subject, { healthy, detail }: ProbeResult): void {
    if (healthy === subject.healthy) {
      subject.against = 0;
      return;
    }
    subject.against++;
    const { health, endpoint, upstream } = subject;
    if (subject.against < (healthy ? health.healthyAfter : health.unhealthyAfter)) return;
    subject.healthy = healthy;
    subject.against = 0;
    this.#options.setHealthy(endpoint.slot, healthy);
    const fields = { upstream, endpoint: endpoint.name };
    if (healthy) {
      this.#options.log("info", `${endpoint.name} is healthy again (${detail})`, fields);
    } else {
      this.#options.log("warn", `${endpoint.name} is unhealthy: ${detail}`, fields);
    }
  }
}

/** A check is the same as before while all that it does is the same. */
function keyOf({ endpoint, upstream, health, tls }: Subject): string {
  return JSON.stringify([upstream, endpoint.slot, endpoint.address, endpoint.secure, health, tls]);
}

function end(subject: Subject): void {
  subject.cancel?.();
  subject.stop.abort();
}

function authorityOf({ address, secure }: EndpointData): string {
  if (address.kind === "unix") return "localhost";
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return address.port === (secure ? 443 : 80) ? host : `${host}:${address.port}`;
}

function probeTls({ address }: EndpointData, upstream: UpstreamTlsData): ProbeTls {
  const host = address.kind === "unix" ? null : address.host;
  return { upstream, identity: upstream.serverName ?? host };
}
