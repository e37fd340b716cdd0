/**
 * Who has which slot. A slot that gets another owner goes on counting where the former one stopped, because only
 * workers write; what was there before is taken off here, so that every owner's series begin at zero.
 */
export class SlotNames<Name> {
  readonly #read: (slot: number) => Float64Array;
  readonly #keyOf: (name: Name) => string;
  #owners: ReadonlyMap<number, Owner<Name>> = new Map();

  /**
   * @param read cells of a slot as they are
   * @param keyOf two names with the same key are the same owner
   */
  constructor(read: (slot: number) => Float64Array, keyOf: (name: Name) => string) {
    this.#read = read;
    this.#keyOf = keyOf;
  }

  /** From now on these own their slots, and nobody else. */
  set(names: Iterable<readonly [slot: number, name: Name]>): void {
    const owners = new Map<number, Owner<Name>>();
    for (const [slot, name] of names) {
      const key = this.#keyOf(name);
      const former = this.#owners.get(slot);
      const same = former !== undefined && former.key === key;
      owners.set(slot, { key, name, before: same ? former.before : this.#read(slot) });
    }
    this.#owners = owners;
  }

  /** Cells of every owner since it got its slots; those of owners with several are added up. */
  cells(): Map<string, { readonly name: Name; readonly cells: Float64Array }> {
    const all = new Map<string, { readonly name: Name; readonly cells: Float64Array }>();
    for (const [slot, { key, name, before }] of this.#owners) {
      const cells = this.#read(slot);
      const others = all.get(key)?.cells;
      for (let i = 0; i < cells.length; i++) cells[i]! += (others?.[i] ?? 0) - before[i]!;
      all.set(key, { name, cells });
    }
    return all;
  }

  /** Every slot with its owner. */
  *entries(): IterableIterator<readonly [slot: number, name: Name]> {
    for (const [slot, { name }] of this.#owners) yield [slot, name];
  }
}

interface Owner<Name> {
  readonly key: string;
  readonly name: Name;
  /** Cells at the moment when it got the slot. */
  readonly before: Float64Array;
}
