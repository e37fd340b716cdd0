/** Whoever entries of the ring belong to. */
export interface Target {
  /** An entry that was made with the operation `operation` has completed; `flags` as the kernel gives them. */
  onCompletion(operation: number, result: number, flags: number): void;
}

/** Bits of an operation in a tag; the others are the generation. */
const OPERATION_BITS = 4;
const OPERATIONS: number = (1 << OPERATION_BITS) - 1;
/** The operation of all entries that complete with a new descriptor, and of no others. */
export const ACCEPT: number = OPERATIONS;
const GENERATIONS = 0x0fff_ffff;

/** The operation in a tag. */
export function operationOf(tag: number): number {
  return tag & OPERATIONS;
}

/**
 * Names for targets that go through the kernel and come back: the number of a slot, and a tag of the slot's generation
 * and the operation. A slot is used again only when nothing is under way for it any more, and then under another
 * generation; so no completion can be taken for that of somebody who came later, as could happen with descriptors,
 * whose numbers the kernel hands out again at once.
 */
export class Slots {
  readonly #targets: (Target | null)[] = [];
  readonly #generations: number[] = [];
  /** Entries under way. */
  readonly #underWay: number[] = [];
  readonly #free: number[] = [];
  /** How many slots have a target. */
  used = 0;

  /** @returns the number of its slot */
  add(target: Target): number {
    this.used++;
    const slot = this.#free.pop() ?? this.#targets.length;
    this.#targets[slot] = target;
    this.#generations[slot] = ((this.#generations[slot] ?? 0) + 1) & GENERATIONS;
    this.#underWay[slot] = 0;
    return slot;
  }

  /** The tag of an entry that is about to be made. */
  tag(slot: number, operation: number): number {
    this.#underWay[slot]!++;
    return this.name(slot, operation);
  }

  /** The tag that an entry was made with. */
  name(slot: number, operation: number): number {
    return (this.#generations[slot]! << OPERATION_BITS) | operation;
  }

  /** Whose completion this is; null if it is nobody's any more. */
  find(slot: number, tag: number): Target | null {
    const target = this.#targets[slot];
    if (target === undefined || target === null) return null;
    return tag >>> OPERATION_BITS === this.#generations[slot] ? target : null;
  }

  /** An entry has completed for the last time. */
  done(slot: number): void {
    this.#underWay[slot]!--;
  }

  /** Whether nothing is under way for it. */
  quiet(slot: number): boolean {
    return this.#underWay[slot] === 0;
  }

  /** Nothing is under way and nothing will be. */
  remove(slot: number): void {
    if (!this.quiet(slot)) throw new Error("a slot was left with entries under way");
    this.#targets[slot] = null;
    this.#free.push(slot);
    this.used--;
  }
}
