/** What tickets of TLS sessions are sealed with: the same for all workers, and new every twelve hours. */

import { randomBytes } from "node:crypto";

/** Makes calls later. */
export interface TicketScheduler {
  /** @returns cancels it */
  after(ms: number, call: () => void): () => void;
}

/** How long a secret seals new tickets, in milliseconds. */
export const ROTATION: number = 12 * 3_600_000;
/** Secrets that tickets are still opened with: a ticket lives a day at most. */
const KEPT = 3;
const SECRET_BYTES = 32;

/** See the head of this file. They are kept in memory alone: whoever gets hold of a disk opens nothing with it. */
export class TicketSecrets {
  readonly #scheduler: TicketScheduler;
  readonly #onChange: (secrets: readonly Uint8Array[]) => void;
  #secrets: readonly Uint8Array[] = [secret()];
  #cancel: (() => void) | null = null;

  constructor(scheduler: TicketScheduler, onChange: (secrets: readonly Uint8Array[]) => void) {
    this.#scheduler = scheduler;
    this.#onChange = onChange;
    this.#schedule();
  }

  /** The first seals new tickets, all open. */
  get current(): readonly Uint8Array[] {
    return this.#secrets;
  }

  /** No more rotations. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  #schedule(): void {
    this.#cancel = this.#scheduler.after(ROTATION, () => {
      this.#secrets = [secret(), ...this.#secrets].slice(0, KEPT);
      this.#schedule();
      this.#onChange(this.#secrets);
    });
  }
}

function secret(): Uint8Array {
  // A copy: a Buffer may share its memory with others, and all of that would be sent to workers.
  return Uint8Array.from(randomBytes(SECRET_BYTES));
}
