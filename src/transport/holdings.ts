/** What the workers have of the system, as the control thread sees it. */

import { Ledger } from "./uring/ledger.ts";
import { reclaim } from "./uring/reclaim.ts";

/**
 * Descriptors and memory of workers whose transport holds them itself: Node gives back what a thread had of Node, and
 * knows nothing of these.
 */
export class Holdings {
  /** Where the workers write them down; handed to each. */
  readonly buffer: SharedArrayBuffer;
  readonly #ledgers: readonly Ledger[];

  constructor(workers: number) {
    this.buffer = new SharedArrayBuffer(Ledger.byteLength(workers));
    this.#ledgers = Array.from({ length: workers }, (_, row) => new Ledger(this.buffer, row));
  }

  /** The thread of this row has ended: everything that it had is closed. */
  giveBack(row: number): void {
    const ledger = this.#ledgers[row];
    if (ledger !== undefined) reclaim(ledger);
  }

  /** As {@link giveBack}, for all rows. */
  giveBackAll(): void {
    for (let row = 0; row < this.#ledgers.length; row++) this.giveBack(row);
  }
}
