/**
 * Runs jobs one after the other. A job whose key is that of one that waits is not queued again: both callers get
 * the result of the one that waits, which has seen nothing yet of what it will read.
 */
export class ApplyQueue {
  readonly #waiting: Map<string, Promise<unknown>> = new Map();
  #last: Promise<unknown> = Promise.resolve();

  /** Queues `job`; `key` null: never shared. Jobs of one key have one type of result. */
  submit<Result>(key: string | null, job: () => Promise<Result>): Promise<Result> {
    const shared = key === null ? undefined : this.#waiting.get(key);
    if (shared !== undefined) return shared as Promise<Result>;
    const result = this.#last.then(() => {
      if (key !== null) this.#waiting.delete(key);
      return job();
    });
    if (key !== null) this.#waiting.set(key, result);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Resolves when all that is queued now is done. */
  async idle(): Promise<void> {
    await this.#last;
  }
}
