/**
 * The supervisor of the worker threads: starts them, brings every one of them to the same generation of the
 * configuration in two phases, replaces those that die or hang. It does not know what they do.
 */

import { Heartbeats } from "./heartbeat.ts";
import type { GrantedListener } from "./protocol.ts";
import { type Answer, WorkerHandle } from "./worker-handle.ts";

/** Something for all workers to run. */
export interface Generation {
  /** Grows with each generation. */
  readonly id: number;
  /** What `prepare` carries, made anew for each worker that is sent it. */
  readonly payload: () => unknown;
  /** Identities of all listeners. */
  readonly listeners: readonly string[];
}

/** Whether all workers have done what they were asked. */
export type Outcome =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: string; readonly place: string | null };

/** What happens to workers, for logs and metrics. */
export type WorkerEvent =
  /** A thread is about to be started. */
  | { readonly type: "starting"; readonly row: number }
  /** It runs the current generation. */
  | { readonly type: "started"; readonly row: number }
  /** Gone; its row of shared memory is to be cleared now. */
  | { readonly type: "died"; readonly row: number; readonly reason: string }
  /** No sign of life for `silence` ms. */
  | { readonly type: "silent"; readonly row: number; readonly silence: number }
  /** Will be started again in `delay` ms. */
  | { readonly type: "restarting"; readonly row: number; readonly delay: number }
  /** Workers cannot be started any more; the process should end. */
  | { readonly type: "fatal"; readonly reason: string };

/** Times of supervision, in milliseconds. */
export interface Supervision {
  /** Between two looks at the heartbeats. */
  readonly check: number;
  /** Silence that is reported. */
  readonly warn: number;
  /** Silence after which a worker is ended; loading the program counts as silence, with `load` for it. */
  readonly end: number;
  readonly load: number;
  /** Waits before a restart of a worker that did not last `stable`: doubled each time. */
  readonly backoff: number;
  readonly maxBackoff: number;
  readonly stable: number;
  /** Deaths in a row before its first generation after which a worker is given up. */
  readonly attempts: number;
}

export const SUPERVISION: Supervision = {
  check: 1000,
  warn: 3000,
  end: 10_000,
  load: 30_000,
  backoff: 1000,
  maxBackoff: 30_000,
  stable: 10_000,
  attempts: 5,
};

/** How a pool of workers is made. */
export interface WorkerPoolOptions {
  readonly entry: URL;
  readonly count: number;
  /** Handed to each worker as `workerData.boot`. */
  readonly boot: unknown;
  /** Old-generation heap of each worker, in MiB. */
  readonly heapMb: number;
  /**
   * A descriptor of the listener for one worker alone; null where they cannot be shared, and the one worker binds
   * the address itself. @throws if there is no such listener any more
   */
  readonly duplicate: (listener: string) => Promise<number | null>;
  /** Takes back a descriptor that its worker has not opened, or may not have opened before it ended. */
  readonly giveBack: (fd: number) => void;
  readonly onEvent: (event: WorkerEvent) => void;
  readonly onReport: (row: number, report: unknown) => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly supervision?: Partial<Supervision>;
}

/** One row: the worker that has it now, and its history. */
interface Slot {
  readonly row: number;
  handle: WorkerHandle | null;
  /** Runs the current generation, or is about to be told to. */
  ready: boolean;
  /** Its start is under way, and whoever starts it deals with its death. */
  starting: boolean;
  /** The generation that it has prepared last. */
  prepared: number;
  startedAt: number;
  /** Deaths in a row before the first generation was in place. */
  stillborn: number;
  /** Restarts in a row of a worker that did not last. */
  restarts: number;
  timer: NodeJS.Timeout | null;
  beat: number;
  beatAt: number;
  /** Has beaten at least once. */
  alive: boolean;
  silent: boolean;
}

const OK: Outcome = { ok: true };

/** The workers of the process. Calls of `prepare` and `commit` are not to overlap: `control/apply` queues them. */
export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #times: Supervision;
  readonly #heartbeats: Heartbeats;
  readonly #slots: readonly Slot[];
  #current: Generation | null = null;
  #watch: NodeJS.Timeout | null = null;
  #lookedAt = 0;
  #stopping = false;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#times = { ...SUPERVISION, ...options.supervision };
    this.#heartbeats = new Heartbeats(new SharedArrayBuffer(Heartbeats.byteLength(options.count)));
    this.#slots = Array.from({ length: options.count }, (_, row) => ({
      row,
      handle: null,
      ready: false,
      starting: false,
      prepared: 0,
      startedAt: 0,
      stillborn: 0,
      restarts: 0,
      timer: null,
      beat: 0,
      beatAt: 0,
      alive: false,
      silent: false,
    }));
  }

  /** How many workers run the current generation. */
  get ready(): number {
    return this.#slots.filter((slot) => slot.ready).length;
  }

  /** How many there should be. */
  get count(): number {
    return this.#slots.length;
  }

  /** Starts the threads, for a first `prepare` that is to come soon. */
  start(): void {
    for (const slot of this.#slots) this.#spawn(slot);
  }

  /** Phase one: every worker builds `next` beside what it runs. Starts the threads the first time, if `start` has not. */
  async prepare(next: Generation): Promise<Outcome> {
    this.#watch ??= setInterval(() => this.#look(), this.#times.check).unref();
    const first = this.#current === null;
    const outcomes = await Promise.all(
      this.#slots.map((slot) => {
        if (first) return this.#firstPrepare(slot, next);
        // One that is starting comes to the newest generation by itself.
        return slot.ready ? prepare(slot, next) : Promise.resolve(OK);
      }),
    );
    const refusal = outcomes.find((outcome) => !outcome.ok);
    if (refusal === undefined) return OK;
    this.discard(next);
    return refusal;
  }

  /** Drops a prepared generation; what ran before goes on. */
  discard(next: Generation): void {
    for (const slot of this.#slots) slot.handle?.tell({ type: "discard", id: next.id });
  }

  /**
   * Phase two: every worker gets descriptors of the listeners that are new, then all put the generation in
   * place. Refused, with nothing changed, only if a descriptor cannot be made; `sure` is called when that is
   * settled, before any worker is told.
   */
  async commit(
    next: Generation,
    sure: () => Promise<void> = () => Promise.resolve(),
  ): Promise<Outcome> {
    const slots = this.#slots.filter((slot) => slot.handle !== null && slot.prepared === next.id);
    const grants = await Promise.allSettled(slots.map((slot) => this.#grant(slot, next)));
    const failed = grants.find((grant) => grant.status === "rejected");
    if (failed !== undefined) {
      for (const grant of grants) {
        if (grant.status === "fulfilled") this.#giveBack(grant.value);
      }
      this.discard(next);
      return {
        ok: false,
        reason: `a listener cannot be shared: ${String(failed.reason)}`,
        place: null,
      };
    }
    this.#current = next;
    await sure();
    await Promise.all(
      slots.map((slot, i) => {
        const grant = grants[i];
        return this.#commit(slot, next, grant?.status === "fulfilled" ? grant.value : []);
      }),
    );
    // Those that died, or came up with the generation before, since phase one.
    for (const slot of this.#slots) {
      if (slot.starting || slots.includes(slot)) continue;
      if (slot.handle === null) this.#reviveLater(slot, 0);
      else void this.#catchUpOrEnd(slot);
    }
    return OK;
  }

  /** Tells every worker about state that changes between generations. */
  update(update: unknown): void {
    for (const slot of this.#slots) slot.handle?.tell({ type: "update", update });
  }

  /** Lets the workers finish within `deadline` ms; resolves when all have, or did not manage to. */
  async drain(deadline: number): Promise<void> {
    this.#stopping = true;
    await Promise.all(
      this.#slots.map(async (slot) => {
        const handle = slot.handle;
        if (handle === null || !slot.ready) return;
        // A worker that hangs must not keep the process from ending.
        const late = Promise.withResolvers<Answer>();
        const timer = setTimeout(
          () => late.resolve({ type: "died", reason: "it did not drain in time" }),
          deadline + 2000,
        );
        await Promise.race([handle.ask({ type: "drain", deadline }), late.promise]);
        clearTimeout(timer);
      }),
    );
  }

  /** Ends all threads. */
  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#watch !== null) clearInterval(this.#watch);
    await Promise.all(
      this.#slots.map(async (slot) => {
        if (slot.timer !== null) clearTimeout(slot.timer);
        await slot.handle?.terminate("the process is stopping");
      }),
    );
  }

  /** The first generation: a thread that dies over it is tried again, for it may be the machine's fault. */
  async #firstPrepare(slot: Slot, next: Generation): Promise<Outcome> {
    slot.starting = true;
    for (;;) {
      if (slot.handle === null) this.#spawn(slot);
      const outcome = await prepare(slot, next);
      if (outcome.ok || slot.handle !== null || this.#stopping) {
        slot.starting = false;
        return outcome;
      }
      slot.stillborn++;
      if (slot.stillborn >= this.#times.attempts) return this.#givenUp(slot, outcome.reason);
      const delay = this.#backoff(slot.stillborn);
      this.#options.onEvent({ type: "restarting", row: slot.row, delay });
      await new Promise((resolve) => (slot.timer = setTimeout(resolve, delay)));
    }
  }

  #spawn(slot: Slot): void {
    this.#options.onEvent({ type: "starting", row: slot.row });
    const handle = new WorkerHandle({
      entry: this.#options.entry,
      heapMb: this.#options.heapMb,
      start: {
        row: slot.row,
        workers: this.#options.count,
        heartbeats: this.#heartbeats.buffer,
        boot: this.#options.boot,
      },
      onReport: (report) => this.#options.onReport(slot.row, report),
    });
    slot.handle = handle;
    slot.ready = false;
    slot.startedAt = this.#options.now();
    slot.beat = this.#heartbeats.count(slot.row);
    slot.beatAt = slot.startedAt;
    slot.alive = false;
    slot.silent = false;
    void handle.ended.then((reason) => this.#died(slot, reason));
  }

  #died(slot: Slot, reason: string): void {
    slot.handle = null;
    slot.ready = false;
    if (this.#stopping) return;
    this.#options.onEvent({ type: "died", row: slot.row, reason });
    // Before the first generation is in place there is nothing to start it with; `commit` will.
    if (slot.starting || this.#current === null) return;
    const lasted = this.#options.now() - slot.startedAt;
    slot.restarts = lasted >= this.#times.stable ? 0 : slot.restarts + 1;
    slot.stillborn = 0;
    this.#reviveLater(slot, slot.restarts === 0 ? 0 : this.#backoff(slot.restarts));
  }

  #reviveLater(slot: Slot, delay: number): void {
    slot.starting = true;
    this.#options.onEvent({ type: "restarting", row: slot.row, delay });
    slot.timer = setTimeout(() => {
      slot.timer = null;
      void this.#revive(slot);
    }, delay);
  }

  /** Starts a worker and brings it to the generation that runs by then. */
  async #revive(slot: Slot): Promise<void> {
    if (this.#stopping) return;
    this.#spawn(slot);
    await this.#catchUpOrEnd(slot);
  }

  /** Brings a worker to the current generation, or ends it and tries again with another. */
  async #catchUpOrEnd(slot: Slot): Promise<void> {
    slot.starting = true;
    const failure = await this.#catchUp(slot);
    if (failure === null || this.#stopping) {
      slot.starting = false;
      return;
    }
    await slot.handle?.terminate(failure);
    slot.stillborn++;
    if (slot.stillborn >= this.#times.attempts) {
      this.#options.onEvent({ type: "fatal", reason: this.#givenUp(slot, failure).reason });
    } else {
      this.#reviveLater(slot, this.#backoff(slot.stillborn));
    }
  }

  /** @returns null, or why it did not come up */
  async #catchUp(slot: Slot): Promise<string | null> {
    for (;;) {
      const target = this.#current;
      if (target === null || slot.handle === null) return "it has nothing to run";
      const outcome = await prepare(slot, target);
      if (!outcome.ok) return outcome.reason;
      // A reload may have come between; then again from the beginning.
      if (target !== this.#current) continue;
      let granted: readonly GrantedListener[];
      try {
        granted = await this.#grant(slot, target);
      } catch (error) {
        if (target !== this.#current) continue;
        return `a listener cannot be shared: ${String(error)}`;
      }
      if (!(await this.#commit(slot, target, granted))) return "it died while starting";
      if (target === this.#current) return null;
    }
  }

  async #grant(slot: Slot, next: Generation): Promise<GrantedListener[]> {
    const missing = next.listeners.filter((id) => slot.handle?.listeners.has(id) === false);
    const made = await Promise.allSettled(
      missing.map(async (id) => ({ id, fd: await this.#options.duplicate(id) })),
    );
    const granted = made.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    const failed = made.find((result) => result.status === "rejected");
    if (failed === undefined) return granted;
    this.#giveBack(granted);
    throw failed.reason;
  }

  /** While stopping all threads end, and what they had is given back as a whole: twice would close another's. */
  #giveBack(granted: readonly GrantedListener[]): void {
    if (this.#stopping) return;
    for (const { fd } of granted) {
      if (fd !== null) this.#options.giveBack(fd);
    }
  }

  async #commit(slot: Slot, next: Generation, open: readonly GrantedListener[]): Promise<boolean> {
    const handle = slot.handle;
    if (handle === null) {
      // It died meanwhile, and will be started with this generation.
      this.#giveBack(open);
      return false;
    }
    const close = [...handle.listeners].filter((id) => !next.listeners.includes(id));
    for (const { id } of open) handle.listeners.add(id);
    for (const id of close) handle.listeners.delete(id);
    const first = !slot.ready;
    const answer = await handle.ask({ type: "commit", id: next.id, open, close });
    if (answer.type !== "committed") {
      this.#giveBack(open);
      return false;
    }
    if (slot.handle !== handle) return false;
    slot.ready = true;
    slot.stillborn = 0;
    if (first) this.#options.onEvent({ type: "started", row: slot.row });
    return true;
  }

  #givenUp(slot: Slot, reason: string): Extract<Outcome, { ok: false }> {
    return {
      ok: false,
      reason: `worker ${slot.row} died ${slot.stillborn} times before it was ready, the last time because ${reason}`,
      place: null,
    };
  }

  #backoff(times: number): number {
    return Math.min(this.#times.backoff * 2 ** (times - 1), this.#times.maxBackoff);
  }

  #look(): void {
    const now = this.#options.now();
    // This thread itself may have been stopped (a suspended machine): nobody is to blame for that.
    const late =
      this.#lookedAt !== 0 && now - this.#lookedAt > this.#times.check + this.#times.warn;
    this.#lookedAt = now;
    for (const slot of this.#slots) {
      if (slot.handle === null) continue;
      const beat = this.#heartbeats.count(slot.row);
      if (beat !== slot.beat) slot.alive = true;
      if (beat !== slot.beat || late) {
        slot.beat = beat;
        slot.beatAt = now;
        slot.silent = false;
        continue;
      }
      const silence = now - slot.beatAt;
      if (silence >= (slot.alive ? this.#times.end : this.#times.load)) {
        void slot.handle.terminate(`it gave no sign of life for ${Math.round(silence / 1000)} s`);
      } else if (slot.alive && silence >= this.#times.warn && !slot.silent) {
        slot.silent = true;
        this.#options.onEvent({ type: "silent", row: slot.row, silence });
      }
    }
  }
}

/** Asks one worker to build `next`. A slot without a thread has nothing to refuse. */
async function prepare(slot: Slot, next: Generation): Promise<Outcome> {
  if (slot.handle === null) return { ok: false, reason: "it could not be started", place: null };
  const answer = await slot.handle.ask({ type: "prepare", id: next.id, payload: next.payload() });
  switch (answer.type) {
    case "prepared":
      slot.prepared = next.id;
      return OK;
    case "refused":
      return { ok: false, reason: answer.reason, place: answer.place };
    case "died":
      return { ok: false, reason: answer.reason, place: null };
    default:
      return { ok: false, reason: `it answered ${answer.type}`, place: null };
  }
}
