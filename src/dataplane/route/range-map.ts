/**
 * A map that is asked for a part of a text. `Map` would need that part as a string of its own: one
 * allocation for each segment of each path.
 */

/** A key that is longer than a text can be is never found, so the empty map needs no table. */
const MIN_SLOTS = 4;

/** Values by text; filled once, then only asked. */
export class RangeMap<V> {
  readonly #keys: readonly string[];
  readonly #values: readonly V[];
  /** Number of the entry + 1, at the hash of its key or behind it; 0 is free. At most half are taken. */
  readonly #slots: Int32Array;
  readonly #longest: number;

  constructor(entries: ReadonlyMap<string, V>) {
    this.#keys = [...entries.keys()];
    this.#values = [...entries.values()];
    let slots = MIN_SLOTS;
    while (slots < entries.size * 2) slots *= 2;
    this.#slots = new Int32Array(slots);
    let longest = -1;
    for (const [index, key] of this.#keys.entries()) {
      let slot = hash(key, 0, key.length) & (slots - 1);
      while (this.#slots[slot] !== 0) slot = (slot + 1) & (slots - 1);
      this.#slots[slot] = index + 1;
      longest = Math.max(longest, key.length);
    }
    this.#longest = longest;
  }

  /** The value of the key that equals `text` from `start` to `end` (exclusive). */
  get(text: string, start: number, end: number): V | undefined {
    if (end - start > this.#longest) return undefined;
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let slot = hash(text, start, end) & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot]!;
      if (entry === 0) return undefined;
      if (equals(this.#keys[entry - 1]!, text, start, end)) return this.#values[entry - 1];
    }
  }
}

/** FNV-1a over UTF-16 units. Keys come from the configuration, so nobody can choose them to collide. */
function hash(text: string, start: number, end: number): number {
  let value = 0x811c9dc5;
  for (let i = start; i < end; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  // The low bits alone choose the slot; the high ones are folded onto them.
  return value ^ (value >>> 15);
}

function equals(key: string, text: string, start: number, end: number): boolean {
  if (key.length !== end - start) return false;
  for (let i = 0; i < key.length; i++) {
    if (key.charCodeAt(i) !== text.charCodeAt(start + i)) return false;
  }
  return true;
}
