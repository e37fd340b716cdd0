/**
 * A byte buffer that message heads are serialized into: memory that was lent for it, or its own, which grows.
 * It is reused for every message, so the common path allocates nothing.
 */

/** From so many bytes on a call into the engine's memmove beats a loop; it costs the same for any length. */
const LONG = 32;

const encoder = new TextEncoder();
const scratch = new Uint8Array(8 * 1024);

/** Appends bytes and text to one buffer, which is left for one of twice its size when it is full. */
export class ByteWriter {
  /** What was written stands in here from `start` to `end`. */
  bytes: Uint8Array;
  start = 0;
  end = 0;
  #own: Uint8Array;
  #limit: number;

  constructor(capacity = 4096) {
    this.#own = new Uint8Array(capacity);
    this.bytes = this.#own;
    this.#limit = capacity;
  }

  /** Bytes that were written. */
  get length(): number {
    return this.end - this.start;
  }

  /** Forgets what was written, and goes on in memory of its own. */
  reset(): void {
    this.bytes = this.#own;
    this.start = this.end = 0;
    this.#limit = this.#own.length;
  }

  /**
   * Forgets what was written, and goes on in `size` bytes of somebody else's memory. If more is written than that,
   * all of it is in the writer's own memory afterwards: `bytes` tells.
   */
  lend(bytes: Uint8Array, start: number, size: number): void {
    this.bytes = bytes;
    this.start = this.end = start;
    this.#limit = start + size;
  }

  /** Makes room for `more` further bytes. */
  reserve(more: number): void {
    if (this.end + more > this.#limit) this.#grow(more);
  }

  #grow(more: number): void {
    const { bytes, start, length } = this;
    const needed = length + more;
    let capacity = Math.max(this.#own.length, 64);
    while (capacity < needed) capacity *= 2;
    if (bytes === this.#own || capacity > this.#own.length) this.#own = new Uint8Array(capacity);
    this.#own.set(bytes.subarray(start, this.end));
    this.reset();
    this.end = length;
  }

  /** One byte. */
  byte(value: number): void {
    this.reserve(1);
    this.bytes[this.end++] = value;
  }

  /** CR LF. */
  crlf(): void {
    this.reserve(2);
    const at = this.end;
    this.bytes[at] = 13;
    this.bytes[at + 1] = 10;
    this.end = at + 2;
  }

  /** The bytes `start` to `end` (exclusive) of `source`. */
  copy(source: Uint8Array, start: number, end: number): void {
    const count = end - start;
    this.reserve(count);
    const target = this.bytes;
    let at = this.end;
    if (count < LONG) for (let i = start; i < end; i++) target[at++] = source[i]!;
    else {
      target.set(source.subarray(start, end), at);
      at += count;
    }
    this.end = at;
  }

  /** All bytes of a constant. */
  constant(source: Uint8Array): void {
    const count = source.length;
    this.reserve(count);
    const target = this.bytes;
    let at = this.end;
    for (let i = 0; i < count; i++) target[at++] = source[i]!;
    this.end = at;
  }

  /** Text whose characters are all below U+0100; others must have been encoded before. */
  latin1(text: string): void {
    const count = text.length;
    this.reserve(count);
    const target = this.bytes;
    let at = this.end;
    for (let i = 0; i < count; i++) target[at++] = text.charCodeAt(i);
    this.end = at;
  }

  /** Any text, as UTF-8. */
  utf8(text: string): void {
    // A character of one unit takes at most three bytes. Not straight to where they belong: that may be shared memory.
    const isShort = text.length * 3 <= scratch.length;
    const bytes = isShort ? scratch : encoder.encode(text);
    this.copy(bytes, 0, isShort ? encoder.encodeInto(text, scratch).written : bytes.length);
  }

  /** A non-negative integer in decimal. */
  decimal(value: number): void {
    if (value > 0x7fffffff) return this.latin1(String(value));
    let size = 1;
    for (let power = 10; power <= value; power *= 10) size++;
    this.reserve(size);
    const target = this.bytes;
    let rest = value | 0;
    for (let at = this.end + size - 1; at >= this.end; at--) {
      const next = (rest / 10) | 0;
      target[at] = 0x30 + rest - next * 10;
      rest = next;
    }
    this.end += size;
  }

  /** What was written, as a view that is valid until the next write. */
  view(): Uint8Array {
    return this.bytes.subarray(this.start, this.end);
  }
}

/** Constant text of ASCII as bytes, for {@link ByteWriter.constant}. */
export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}
