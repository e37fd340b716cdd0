import type { Scheduler } from "./scheduler.ts";

/** Time that stands still until a test moves it. */
export class ManualScheduler implements Scheduler {
  readonly #tasks: Set<{ readonly at: number; readonly task: () => void }> = new Set();
  #time = 0;

  readonly now = (): number => this.#time;

  readonly after = (delay: number, task: () => void): (() => void) => {
    const entry = { at: this.#time + delay, task };
    this.#tasks.add(entry);
    return () => this.#tasks.delete(entry);
  };

  /** Waits of all tasks, in the order of their deadlines. */
  get waits(): number[] {
    return Array.from(this.#tasks, ({ at }) => at - this.#time).toSorted((a, b) => a - b);
  }

  /** Lets `ms` pass: calls what is due, in order, and lets promises run between. */
  async pass(ms: number): Promise<void> {
    const end = this.#time + ms;
    for (;;) {
      await settle();
      const due = Array.from(this.#tasks)
        .filter(({ at }) => at <= end)
        .toSorted((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#tasks.delete(due);
      this.#time = Math.max(this.#time, due.at);
      due.task();
    }
    this.#time = end;
  }
}

/** Lets everything that is ready to run do so. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}
