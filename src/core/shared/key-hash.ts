/**
 * Keys of clients as 64 bits: HalfSipHash-2-4 (Aumasson and Bernstein), keyed with random bytes, so that nobody outside
 * can choose two keys that fall together. One hasher for all keys of a table, fed part by part.
 */

/** See the head of this file. Feed it, then `finish`, then read `high` and `low`. */
export class KeyHash {
  /** The hash, once it is finished: two unsigned 32-bit numbers. */
  high = 0;
  low = 0;
  readonly #k0: number;
  readonly #k1: number;
  #v0 = 0;
  #v1 = 0;
  #v2 = 0;
  #v3 = 0;
  #words = 0;

  /** @param seed at least two random words */
  constructor(seed: Uint32Array) {
    this.#k0 = seed[0]! | 0;
    this.#k1 = seed[1]! | 0;
  }

  /** A new key begins. */
  begin(): this {
    this.#v0 = this.#k0;
    this.#v1 = this.#k1 ^ 0xee;
    this.#v2 = 0x6c796765 ^ this.#k0;
    this.#v3 = 0x74656462 ^ this.#k1;
    this.#words = 0;
    return this;
  }

  /** Adds 32 bits. */
  word(word: number): this {
    let v0 = this.#v0;
    let v1 = this.#v1;
    let v2 = this.#v2;
    let v3 = this.#v3 ^ word;
    // Two rounds, written out: this is most of what a rate limit costs.
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    this.#v0 = v0 ^ word;
    this.#v1 = v1;
    this.#v2 = v2;
    this.#v3 = v3;
    this.#words = (this.#words + 1) | 0;
    return this;
  }

  /** Adds a text with its length, so that the parts of a key cannot run into each other. */
  text(text: string): this {
    const { length } = text;
    this.word(length);
    for (let i = 0; i < length; i += 2) {
      const second = i + 1 < length ? text.charCodeAt(i + 1) : 0;
      this.word(text.charCodeAt(i) | (second << 16));
    }
    return this;
  }

  /** The key is complete. */
  finish(): this {
    this.word(this.#words << 24);
    this.#v2 ^= 0xee;
    // Four rounds and no word.
    this.word(0).word(0);
    this.low = (this.#v1 ^ this.#v3) >>> 0;
    this.#v1 ^= 0xdd;
    this.word(0).word(0);
    this.high = (this.#v1 ^ this.#v3) >>> 0;
    return this;
  }
}
