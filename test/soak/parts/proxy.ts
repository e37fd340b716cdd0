/** A whole `bin/sluice` for a long run: what it holds, what it counts, and whether it has come to rest. */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { type Lifetime, type Sluice, startSluice } from "../../harness/sluice.ts";

/** What ends with a run, last first; also when the run is ended by a signal. */
export class Scope implements Lifetime {
  readonly #ends: (() => Promise<void>)[] = [];

  constructor() {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.once(signal, () => void this.close().then(() => process.exit(1)));
    }
  }

  after(end: () => Promise<void>): void {
    this.#ends.push(end);
  }

  async close(): Promise<void> {
    for (const end of this.#ends.splice(0).toReversed()) await end();
  }
}

/** Gauges that are zero when nobody is there. */
const GAUGES = [
  "sluice_connections",
  "sluice_requests_in_flight",
  "sluice_tunnels",
  "sluice_buffers_bytes",
  "sluice_upstream_requests_in_flight",
  "sluice_upstream_connections",
  "sluice_upstream_waiting_requests",
] as const;

/** How long it may take until idle connections to backends and lingering ones are closed, in milliseconds. */
const RESTS_WITHIN = 90_000;

/** A look at the process. */
export interface Look {
  readonly descriptors: number;
  readonly pss: number;
  readonly rss: number;
  readonly metrics: Metrics;
}

/** What `/metrics` says, by line. */
export class Metrics {
  readonly #lines: readonly string[];

  constructor(text: string) {
    this.#lines = text.split("\n");
  }

  /** Sum of the samples of a metric whose lines hold all of `labels`. */
  sum(name: string, ...labels: readonly string[]): number {
    let sum = 0;
    for (const line of this.#lines) {
      const named = line.startsWith(`${name} `) || line.startsWith(`${name}{`);
      if (named && labels.every((label) => line.includes(label))) {
        sum += Number(line.slice(line.lastIndexOf(" ")));
      }
    }
    return sum;
  }

  /** Gauges that are not zero, as text; "" if all are. */
  busy(): string {
    return GAUGES.filter((name) => this.sum(name) !== 0)
      .map((name) => `${name} ${this.sum(name)}`)
      .join(", ");
  }

  /** All samples of a metric that are not zero, as text. */
  list(name: string): string {
    return this.#lines
      .filter((line) => line.startsWith(name) && !line.endsWith(" 0"))
      .map((line) => line.slice(name.length))
      .join(" ");
  }
}

/** A proxy under load. */
export class Proxy {
  readonly sluice: Sluice;
  readonly port: number;
  readonly #admin: string;
  readonly #file: string;
  readonly #configuration: (version: number) => string;
  #version = 1;

  private constructor(
    sluice: Sluice,
    admin: string,
    file: string,
    configuration: (version: number) => string,
  ) {
    this.sluice = sluice;
    this.port = Number(new URL(sluice.url).port);
    this.#admin = admin;
    this.#file = file;
    this.#configuration = configuration;
  }

  /** Starts it with a configuration that differs from version to version. */
  static async start(
    scope: Scope,
    name: string,
    configuration: (version: number) => string,
    environment: Readonly<Record<string, string>>,
  ): Promise<Proxy> {
    const sluice = await startSluice(scope, { files: { [name]: configuration(1) }, environment });
    const said = /metrics and health on (http:[^\s"]+)/;
    await sluice.said(said);
    const admin = said.exec(sluice.stderr())?.[1] ?? "";
    return new Proxy(sluice, admin, join(sluice.directory, name), configuration);
  }

  /** What it says of its transport. */
  get transport(): string {
    return /"msg":"(transport [^"]*)"/.exec(this.sluice.stderr())?.[1] ?? "";
  }

  get alive(): boolean {
    try {
      process.kill(this.sluice.pid, 0);
      return true;
    } catch {
      return false;
    }
  }

  async metrics(): Promise<Metrics> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const signal = AbortSignal.timeout(30_000);
    get(`${this.#admin}/metrics`, { agent: false, signal }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece: string) => (text += piece));
      response.on("end", () => resolve(text)).on("error", reject);
    }).on("error", reject);
    return new Metrics(await promise);
  }

  async look(): Promise<Look> {
    const metrics = await this.metrics();
    const rollup = readFileSync(`/proc/${this.sluice.pid}/smaps_rollup`, "utf8");
    const bytes = (name: string): number =>
      Number(new RegExp(`^${name}: +(\\d+) kB`, "m").exec(rollup)?.[1] ?? 0) * 1024;
    return { descriptors: this.descriptors(), pss: bytes("Pss"), rss: bytes("Rss"), metrics };
  }

  descriptors(): number {
    return readdirSync(`/proc/${this.sluice.pid}/fd`).length;
  }

  /** Applies the next version of its configuration, and waits until it runs. */
  async reload(): Promise<void> {
    const version = ++this.#version;
    writeFileSync(`${this.#file}.new`, this.#configuration(version));
    renameSync(`${this.#file}.new`, this.#file);
    this.sluice.signal("SIGHUP");
    for (let tries = 0; ; tries++) {
      const metrics = await this.metrics();
      if (metrics.sum("sluice_config_generation") >= version) return;
      if (tries > 300) throw new Error(`configuration ${version} is not applied`);
      await sleep(100);
    }
  }

  /** Waits until all gauges are zero and no descriptor is closed any more. Says what does not come to rest. */
  async rest(atMost: number): Promise<{ readonly look: Look; readonly busy: string }> {
    const deadline = performance.now() + RESTS_WITHIN;
    let before = Infinity;
    for (;;) {
      const look = await this.look();
      const still = look.descriptors >= before && look.descriptors <= atMost;
      if ((look.metrics.busy() === "" && still) || performance.now() > deadline) {
        return { look, busy: look.metrics.busy() };
      }
      before = look.descriptors;
      await sleep(1000);
    }
  }

  /** Lines of its own log that tell of faults of its own. */
  complaints(): string[] {
    return this.sluice
      .stderr()
      .split("\n")
      .filter((line) => /"level":(?:50|60)/.test(line) || (line !== "" && !line.startsWith("{")));
  }
}

/** A program of this folder as a process of its own; its first message. Ended with the scope. */
export async function startPart(
  scope: Scope,
  name: string,
  args: readonly string[],
): Promise<{ readonly child: ChildProcess; readonly first: unknown }> {
  const child = fork(join(import.meta.dirname, name), args, {
    execArgv: [],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  scope.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  });
  const [first] = (await once(child, "message")) as [unknown];
  return { child, first };
}
