/** Type, version and length (RFC 8446 §5.1). */
const HEADER = 5;

/**
 * Counts the records that bytes complete, by their headers. Who knows how many there are need not ask OpenSSL whether
 * there are more. What it says of bytes that are no records means nothing, and OpenSSL finds them out.
 */
export class Records {
  /** Bytes of a record that has begun and is not complete. */
  carried = 0;
  /** Bytes that the record has, as far as its header is known. */
  #size = HEADER;

  /** @returns how many records are complete with these bytes and were not before */
  count(bytes: Uint8Array, offset: number, length: number): number {
    let complete = 0;
    let at = offset;
    const end = offset + length;
    while (at < end) {
      if (this.carried < HEADER) {
        // The length is in the last two bytes of the header.
        if (this.carried === 3) this.#size = HEADER + (bytes[at]! << 8);
        else if (this.carried === 4) this.#size += bytes[at]!;
        at++;
        this.carried++;
      } else {
        const step = Math.min(this.#size - this.carried, end - at);
        at += step;
        this.carried += step;
      }
      if (this.carried >= HEADER && this.carried === this.#size) {
        complete++;
        this.carried = 0;
        this.#size = HEADER;
      }
    }
    return complete;
  }
}
