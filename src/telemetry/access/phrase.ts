/** Text that is written again and again, as bytes that are copied eight at a time. */
export class Phrase {
  /** Bytes of the text. */
  readonly length: number;
  // No double that is made of UTF-8 is NaN, whose bits might change: that would take a byte of 0x7f or 0xff at its end,
  // and neither stands in a log.
  readonly #doubles: Float64Array;

  /** @param text without U+007F */
  constructor(text: string) {
    const bytes = new TextEncoder().encode(text);
    this.length = bytes.length;
    const padded = new Uint8Array((bytes.length + 7) & ~7);
    padded.set(bytes);
    const view = new DataView(padded.buffer);
    this.#doubles = Float64Array.from({ length: padded.length / 8 }, (_, index) =>
      view.getFloat64(index * 8, true),
    );
  }

  /** Writes the text, and up to seven bytes behind it that mean nothing. @returns where it ends */
  write(target: DataView, at: number): number {
    const doubles = this.#doubles;
    for (let i = 0, to = at; i < doubles.length; i++, to += 8) {
      target.setFloat64(to, doubles[i]!, true);
    }
    return at + this.length;
  }
}
