/**
 * A growing byte buffer that message heads are serialized into. It is reused for every message, so the
 * common path allocates nothing.
 */

/** Appends bytes and latin1 text to one buffer that doubles when it is full. */
export class ByteWriter {
  bytes: Uint8Array;
  length = 0;

  constructor(capacity = 4096) {
    this.bytes = new Uint8Array(capacity);
  }

  /** Forgets what was written; the memory is kept. */
  reset(): void {
    this.length = 0;
  }

  /** Makes room for `more` further bytes. */
  reserve(more: number): void {
    const needed = this.length + more;
    if (needed <= this.bytes.length) return;
    let capacity = this.bytes.length * 2;
    while (capacity < needed) capacity *= 2;
    const grown = new Uint8Array(capacity);
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  /** One byte. */
  byte(value: number): void {
    if (this.length === this.bytes.length) this.reserve(1);
    this.bytes[this.length++] = value;
  }

  /** CR LF. */
  crlf(): void {
    this.reserve(2);
    this.bytes[this.length++] = 13;
    this.bytes[this.length++] = 10;
  }

  /** The bytes `start` to `end` (exclusive) of `source`. */
  copy(source: Uint8Array, start: number, end: number): void {
    const count = end - start;
    this.reserve(count);
    const target = this.bytes;
    let at = this.length;
    // Below some 64 bytes a loop beats the call into the engine's memmove.
    if (count < 64) {
      for (let i = start; i < end; i++) target[at++] = source[i]!;
    } else {
      target.set(source.subarray(start, end), at);
      at += count;
    }
    this.length = at;
  }

  /** Text whose characters are all below U+0100; others must have been encoded before. */
  latin1(text: string): void {
    const count = text.length;
    this.reserve(count);
    const target = this.bytes;
    let at = this.length;
    for (let i = 0; i < count; i++) target[at++] = text.charCodeAt(i);
    this.length = at;
  }

  /** A non-negative integer in decimal. */
  decimal(value: number): void {
    this.latin1(String(value));
  }

  /** What was written, as a view that is valid until the next write. */
  view(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }
}
