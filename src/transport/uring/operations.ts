import type { Engine } from "./engine.ts";
import type { Target } from "./slots.ts";

/**
 * The entries that one target has under way, at most one of each operation (a number from 1 to 14), and the slot by
 * which their completions find it.
 */
export class Operations {
  readonly slot: number;
  readonly #engine: Engine;
  readonly #cancelOperation: number;
  /** Entries under way, a bit for each operation; and those that are being cancelled. */
  #underWay = 0;
  #cancelled = 0;

  /** @param cancelOperation the number under which cancels complete */
  constructor(engine: Engine, target: Target, cancelOperation: number) {
    this.#engine = engine;
    this.#cancelOperation = cancelOperation;
    this.slot = engine.slots.add(target);
  }

  /** An entry of this operation is about to be made. @returns its tag */
  begin(operation: number): number {
    this.#underWay |= 1 << operation;
    return this.#engine.slots.tag(this.slot, operation);
  }

  /** Whether one is under way. */
  has(operation: number): boolean {
    return (this.#underWay & (1 << operation)) !== 0;
  }

  /** It has completed for the last time. */
  settle(operation: number): void {
    this.#underWay &= ~(1 << operation);
    this.#cancelled &= ~(1 << operation);
  }

  /** Takes it back, once. */
  cancel(operation: number): void {
    const bit = 1 << operation;
    if ((this.#underWay & bit) === 0 || (this.#cancelled & bit) !== 0) return;
    this.#cancelled |= bit;
    const { slots, ring } = this.#engine;
    const tag = slots.tag(this.slot, this.#cancelOperation);
    ring.cancel(this.slot, tag, this.slot, slots.name(this.slot, operation));
  }

  /**
   * A cancel has found nothing. What it was for has completed, or the kernel was just about to try it again and is
   * waiting by now.
   *
   * @returns whether something that was to be taken back is still under way; it has to be cancelled again
   */
  cancelMissed(): boolean {
    const missed = this.#cancelled !== 0;
    this.#cancelled = 0;
    return missed;
  }

  /** Gives the slot up. @returns false as long as something is under way */
  leave(): boolean {
    if (!this.#engine.slots.quiet(this.slot)) return false;
    this.#engine.slots.remove(this.slot);
    return true;
  }
}
