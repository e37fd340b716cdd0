import { Worker } from "node:worker_threads";

import type { FromWorker, ToWorker, WorkerStart } from "./protocol.ts";

/** An answer of a worker, or that there will be none. */
export type Answer =
  | Exclude<FromWorker, { type: "report" }>
  | { readonly type: "died"; readonly reason: string };

/** What a thread is started with. */
export interface WorkerOptions {
  readonly entry: URL;
  readonly start: WorkerStart;
  /** Old-generation heap of the thread, in MiB: beyond it the thread dies and not the process. */
  readonly heapMb: number;
  readonly onReport: (report: unknown) => void;
}

/**
 * Young generation of a thread, in MiB. Small, because of what happens at the limit: V8 gives the dying thread 16 MiB
 * to come to an end, and what one collection promotes from a larger young generation can exceed that, which ends
 * the process and not the thread.
 */
const YOUNG_MB = 24;

/** One run of one worker thread, from its start to its end. */
export class WorkerHandle {
  /** Identities of the listeners that it accepts from. */
  readonly listeners: Set<string> = new Set();
  /** Resolves with the reason when the thread is gone; never rejects. */
  readonly ended: Promise<string>;
  /** True once the thread is gone. */
  gone = false;

  readonly #worker: Worker;
  /** Who waits for which answer: `commit 3`. */
  readonly #waiting: Map<string, (answer: Answer) => void> = new Map();
  #reason: string | null = null;

  constructor(options: WorkerOptions) {
    const worker = new Worker(options.entry, {
      workerData: options.start,
      name: `sluice worker ${options.start.row}`,
      resourceLimits: {
        maxOldGenerationSizeMb: options.heapMb,
        maxYoungGenerationSizeMb: YOUNG_MB,
      },
    });
    this.#worker = worker;
    worker.on("message", (message: FromWorker) => {
      if (message.type === "report") options.onReport(message.report);
      else this.#answer(message);
    });
    worker.on("error", (error: unknown) => (this.#reason ??= describe(error)));
    worker.on(
      "messageerror",
      (error) => void this.terminate(`unreadable message: ${error.message}`),
    );
    this.ended = new Promise((resolve) => {
      worker.once("exit", (code) => {
        const reason = this.#reason ?? `the thread ended by itself with code ${code}`;
        this.gone = true;
        // First: what the thread had open is closed by whoever hears of its end, before others take back descriptors.
        resolve(reason);
        for (const tell of this.#waiting.values()) tell({ type: "died", reason });
        this.#waiting.clear();
      });
    });
  }

  /** Sends a message that is answered, and waits for the answer. */
  ask(message: Extract<ToWorker, { type: "prepare" | "commit" | "drain" }>): Promise<Answer> {
    if (this.gone) return Promise.resolve({ type: "died", reason: this.#reason ?? "gone" });
    return new Promise((resolve) => {
      this.#waiting.set(keyOf(message), resolve);
      this.#worker.postMessage(message);
    });
  }

  /** Sends a message that is not answered. */
  tell(message: Extract<ToWorker, { type: "discard" | "update" }>): void {
    if (!this.gone) this.#worker.postMessage(message);
  }

  /** Ends the thread, also one in an endless loop. Resolves when it is gone. */
  async terminate(reason: string): Promise<void> {
    this.#reason ??= reason;
    await this.#worker.terminate();
    await this.ended;
  }

  #answer(message: Answer): void {
    const key = keyOf(message);
    const tell = this.#waiting.get(key);
    this.#waiting.delete(key);
    tell?.(message);
  }
}

/** Question and answer meet under the same key. */
function keyOf(message: ToWorker | Answer): string {
  switch (message.type) {
    case "prepare":
    case "prepared":
    case "refused":
      return `prepare ${message.id}`;
    case "commit":
    case "committed":
      return `commit ${message.id}`;
    default:
      return "drain";
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return `it threw ${String(error)}`;
  if ("code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY") {
    return "it ran out of heap memory";
  }
  return `it threw ${error.stack ?? error.message}`;
}
