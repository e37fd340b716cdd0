/**
 * The dynamic table of HPACK (RFC 7541 §2.3.2). Entries are whole lines behind each other in one piece of memory, as
 * they stand in the arena of a header list, so that an indexed field is one copy. Nothing is made per entry.
 */

/** What an entry counts beside its name and value (RFC 7541 §4.1). */
const ENTRY_OVERHEAD = 32;

const STRIDE = 5;
const START = 0;
const NAME_LENGTH = 1;
const VALUE_LENGTH = 2;
const ID = 3;
const NOTE = 4;

/** `: ` and CRLF. */
const LINE_OVERHEAD = 4;
const FIRST_BYTES = 512;

/** Entries, the last one first. */
export class DynamicTable {
  /** The lines. Swapped for another when it grows. */
  bytes: Uint8Array = EMPTY;
  #entries: Int32Array = NO_ENTRIES;
  /** Place of the oldest entry in the ring, and how many there are. */
  #oldest = 0;
  #count = 0;
  /** Where the next line goes. */
  #tail = 0;
  #size = 0;
  #maxSize: number;

  /** @param maxSize as RFC 7541 §4.1 counts */
  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  get count(): number {
    return this.#count;
  }
  get size(): number {
    return this.#size;
  }

  /** Changes the maximum; what does not fit any more goes. */
  resize(maxSize: number): void {
    this.#maxSize = maxSize;
    this.#evict(0);
  }

  // Index 0 is the entry that was added last.
  startAt(index: number): number {
    return this.#entries[this.#place(index) + START]!;
  }
  nameLengthAt(index: number): number {
    return this.#entries[this.#place(index) + NAME_LENGTH]!;
  }
  valueLengthAt(index: number): number {
    return this.#entries[this.#place(index) + VALUE_LENGTH]!;
  }
  /** Known header id of the name. */
  idAt(index: number): number {
    return this.#entries[this.#place(index) + ID]!;
  }
  /** What the owner noted of it. */
  noteAt(index: number): number {
    return this.#entries[this.#place(index) + NOTE]!;
  }

  /** Adds the line that stands in `source` from `start` on. One that is larger than the table empties it. */
  add(
    source: Uint8Array,
    start: number,
    nameLength: number,
    valueLength: number,
    id: number,
    note: number,
  ): void {
    const size = nameLength + valueLength + ENTRY_OVERHEAD;
    this.#evict(size);
    if (size > this.#maxSize) return;
    const length = nameLength + valueLength + LINE_OVERHEAD;
    this.#makeRoom(length);
    const to = this.#tail;
    this.bytes.set(source.subarray(start, start + length), to);
    this.#tail += length;
    const capacity = this.#entries.length / STRIDE;
    const at = ((this.#oldest + this.#count) & (capacity - 1)) * STRIDE;
    const entries = this.#entries;
    entries[at + START] = to;
    entries[at + NAME_LENGTH] = nameLength;
    entries[at + VALUE_LENGTH] = valueLength;
    entries[at + ID] = id;
    entries[at + NOTE] = note;
    this.#count++;
    this.#size += size;
  }

  /** The oldest go until `more` has room. */
  #evict(more: number): void {
    while (this.#count > 0 && this.#size + more > this.#maxSize) {
      const at = this.#oldest * STRIDE;
      const entries = this.#entries;
      this.#size -= entries[at + NAME_LENGTH]! + entries[at + VALUE_LENGTH]! + ENTRY_OVERHEAD;
      this.#oldest = (this.#oldest + 1) & (entries.length / STRIDE - 1);
      this.#count--;
    }
    if (this.#count === 0) this.#tail = 0;
  }

  /** Room for one more entry and its line behind the others. */
  #makeRoom(length: number): void {
    if (this.#count === this.#entries.length / STRIDE) this.#growEntries();
    if (this.#tail + length <= this.bytes.length) return;
    const first = this.#count === 0 ? 0 : this.#entries[this.#oldest * STRIDE + START]!;
    const live = this.#tail - first;
    let { bytes } = this;
    if ((live + length) * 2 > bytes.length) {
      // So large that moving the entries to the front is rare.
      let capacity = Math.max(bytes.length, FIRST_BYTES);
      while ((live + length) * 2 > capacity) capacity *= 2;
      bytes = new Uint8Array(capacity);
    }
    bytes.set(this.bytes.subarray(first, this.#tail));
    this.bytes = bytes;
    this.#tail = live;
    for (let index = 0; index < this.#count; index++) {
      this.#entries[this.#place(index) + START]! -= first;
    }
  }

  #growEntries(): void {
    const old = this.#entries.length / STRIDE;
    const grown = new Int32Array(Math.max(old * 2, 8) * STRIDE);
    for (let i = 0; i < this.#count; i++) {
      const at = ((this.#oldest + i) & (old - 1)) * STRIDE;
      grown.set(this.#entries.subarray(at, at + STRIDE), i * STRIDE);
    }
    this.#entries = grown;
    this.#oldest = 0;
  }

  #place(index: number): number {
    const capacity = this.#entries.length / STRIDE;
    return ((this.#oldest + this.#count - 1 - index) & (capacity - 1)) * STRIDE;
  }
}

const EMPTY: Uint8Array = new Uint8Array(0);
const NO_ENTRIES: Int32Array = new Int32Array(0);
