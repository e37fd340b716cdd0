import type { Cache, Watcher } from "./cache.ts";
import type { Pin } from "./memory/store.ts";

/** A request that waits for another's fill. */
export class Waiting implements Watcher {
  readonly #cache: Cache;
  readonly #pin: Pin;
  readonly #isOver: () => boolean;
  #onOver: (() => void) | null = null;

  constructor(cache: Cache, pin: Pin, isOver: () => boolean) {
    this.#cache = cache;
    this.#pin = pin;
    this.#isOver = isOver;
  }

  /** Calls back when the other has come to something: look again. May be called before this returns. */
  begin(onOver: () => void): void {
    this.#onOver = onOver;
    this.#cache.watch(this);
    this.check();
  }

  check(): void {
    if (this.#onOver === null) return;
    this.#cache.store.awaitChange(this.#pin);
    if (!this.#isOver()) return;
    const tell = this.#onOver;
    this.end();
    tell();
  }

  /** It is not waited for any more. Harmless a second time. */
  end(): void {
    if (this.#onOver === null) return;
    this.#onOver = null;
    this.#cache.unwatch(this);
    this.#cache.store.unpin(this.#pin);
  }
}
