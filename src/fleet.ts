/** The workers of a process and what they share: their memory, how they are supervised, and what they report. */

import { randomFillSync } from "node:crypto";
import { availableParallelism, release, totalmem } from "node:os";

import type { Config } from "#config/types.ts";
import { FilterMemories } from "#control/filter-memory.ts";
import type { Random } from "#core/random.ts";
import { type SharedTables, clearWorker, openTables, tableSizes } from "#model/shared/tables.ts";
import type { WorkerBoot, WorkerReport, WorkerUpdate } from "#model/worker.ts";
import { FreedMemory } from "#process/idle-memory.ts";
import { allocateMemory } from "#process/memory.ts";
import { systemScheduler } from "#process/scheduler.ts";
import { messageOf } from "#process/worker-messages.ts";
import { type Supervision, type WorkerEvent, WorkerPool } from "#process/workers.ts";
import { trimFreed } from "#transport/freed.ts";
import { Holdings } from "#transport/holdings.ts";
import type { LogEntry } from "./api.ts";
import { ProcessCache } from "./process-cache.ts";
import { ALIASES, sibling } from "./reading.ts";

/** Bounds of a worker's old-generation heap, in MiB, for want of another wish. */
const HEAP = { least: 256, most: 4096 };

/** The listening sockets, as far as workers need them. */
export interface SharedListeners {
  readonly canShare: boolean;
  duplicate(id: string): Promise<number>;
  giveBack(fd: number): void;
}

/** How a fleet is made. */
export interface FleetOptions {
  readonly count: number;
  readonly transport: Config["transport"];
  readonly listeners: SharedListeners;
  readonly random: Random;
  readonly color: boolean;
  /** Of local time, minutes east of UTC. */
  readonly utcOffset: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Old-generation heap of each worker, in MiB. */
  readonly heapMb?: number | undefined;
  readonly supervision?: Partial<Supervision> | undefined;
  readonly say: (entry: LogEntry) => void;
  /** An endpoint could not be connected to. */
  readonly onConnectFailed: (slot: number) => void;
  /** A worker answers certificate authorities by this update. */
  readonly onChallenges: (worker: number, version: number) => void;
  readonly onDeath: (worker: number, reason: string) => void;
  /** Workers cannot be started any more. */
  readonly onFatal: (reason: string) => void;
}

type TransportReport = Extract<WorkerReport, { kind: "transport" }>;

/** See the head of this file. */
export class Fleet {
  readonly tables: SharedTables;
  readonly pool: WorkerPool;
  readonly filterMemories: FilterMemories;
  readonly cache: ProcessCache;
  readonly #options: FleetOptions;
  readonly #holdings: Holdings;
  readonly #freed: FreedMemory;
  /** What the first worker has said about its transport. */
  #transport: TransportReport = { kind: "transport", name: "node", reason: null };
  #reported = false;

  constructor(options: FleetOptions) {
    this.#options = options;
    const { count, listeners, supervision } = options;
    const memory = allocateMemory(tableSizes(count));
    this.tables = openTables(memory, count, count);
    this.#holdings = new Holdings(count);
    this.filterMemories = new FilterMemories(count, (bytes) => void randomFillSync(bytes));
    this.cache = new ProcessCache(count, options.random, this.tables.workers.ring);
    this.#freed = new FreedMemory({
      workers: count,
      resident: () => process.memoryUsage.rss(),
      // Of every thread's arena.
      trim: () => void trimFreed(),
    });
    const boot: WorkerBoot = {
      memory,
      holdings: this.#holdings.buffer,
      transport: options.transport,
      seed: options.random.int(2 ** 31),
      color: options.color,
      utcOffset: options.utcOffset,
      aliases: ALIASES,
      environment: { ...options.environment },
    };
    this.pool = new WorkerPool({
      entry: sibling("worker"),
      count,
      boot,
      heapMb: options.heapMb ?? defaultHeap(count),
      duplicate: async (id) => (listeners.canShare ? listeners.duplicate(id) : null),
      giveBack: (fd) => listeners.giveBack(fd),
      onEvent: (event) => this.#onWorker(event),
      onReport: (row, report) => this.#onReport(row, report as WorkerReport),
      now: systemScheduler.now,
      ...(supervision === undefined ? {} : { supervision }),
    });
  }

  /** How the workers move bytes: "node" until they have said otherwise. */
  get transport(): string {
    return this.#transport.name;
  }

  /** Says which transport runs, and why not the other. */
  announce(): void {
    const { name, reason } = this.#transport;
    const { count } = this.pool;
    const kind = name === "uring" ? `io_uring, Linux ${release()}` : "Node's own sockets";
    const why = reason === null ? "" : `; not io_uring: ${reason}`;
    const workers = `${count} worker${count === 1 ? "" : "s"}`;
    this.#options.say({
      level: "info",
      code: "transport",
      message: `transport ${name} (${kind}), ${workers}${why}`,
      fields: { transport: name, workers: count },
    });
  }

  /** Ends all threads, and gives back what they had. */
  async stop(): Promise<void> {
    await this.pool.stop();
    this.#holdings.giveBackAll();
  }

  #onWorker(event: WorkerEvent): void {
    if (event.type === "starting") this.tables.workers.startWorker(event.row);
    if (event.type === "died") {
      clearWorker(this.tables, event.row);
      const cache = this.cache.clearWorker(event.row);
      if (cache !== null) this.pool.update({ cache } satisfies WorkerUpdate);
      // It may have died over the call that tells of its last lines.
      this.tables.workers.ring(this.pool.count);
      this.filterMemories.clearWorker(event.row);
      this.#holdings.giveBack(event.row);
    }
    const message = messageOf(event);
    if (message !== null) this.#options.say({ ...message, fields: {} });
    if (event.type === "died") this.#options.onDeath(event.row, event.reason);
    else if (event.type === "fatal") this.#options.onFatal(event.reason);
  }

  #onReport(row: number, report: WorkerReport): void {
    switch (report.kind) {
      case "log": {
        const { level, code, message, fields } = report;
        this.#options.say({ level, code, message, fields: { worker: row, ...fields } });
        break;
      }
      case "connect-failed":
        this.#options.onConnectFailed(report.slot);
        break;
      case "challenges":
        this.#options.onChallenges(row, report.version);
        break;
      case "freed":
        this.#freed.onFreed();
        break;
      case "transport":
        this.#onTransport(row, report);
        break;
    }
  }

  /** A worker that differs from the first is no reason to stop, and must not go unnoticed. */
  #onTransport(row: number, chosen: TransportReport): void {
    if (!this.#reported) {
      this.#reported = true;
      this.#transport = chosen;
    } else if (this.#transport.name !== chosen.name) {
      this.#options.say({
        level: "warn",
        code: "transport",
        message: `worker ${row} uses transport ${chosen.name}: ${chosen.reason ?? "it can"}`,
        fields: { worker: row, transport: chosen.name },
      });
    }
  }
}

/** How many workers there are to be: those that are wished for, or one for each processor. */
export function workersFor({ workers }: Config): number {
  return workers === "auto" ? availableParallelism() : workers;
}

function defaultHeap(workers: number): number {
  const megabytes = (process.constrainedMemory() || totalmem()) / 2 ** 20;
  return Math.min(Math.max(Math.floor(megabytes / 2 / workers), HEAP.least), HEAP.most);
}
