/** A source of random numbers for balancing and jitter, passed in so that tests can fix it. */
export interface Random {
  /** The next number in [0, 1). */
  next(): number;
  /** The next integer in [0, n); n is between 1 and 2³². */
  int(n: number): number;
}

/**
 * Marsaglia's xorshift with 128 bits of state. Fast and evenly spread, and predictable for anyone who
 * sees a few of its numbers: never for keys, tokens, nonces or boundaries.
 */
export class Xorshift implements Random {
  #x: number;
  #y: number;
  #z: number;
  #w: number;

  /** Any number is a good seed, 0 as well; equal seeds give equal sequences. */
  constructor(seed: number) {
    // Similar seeds must not start similar sequences, and the state must not be all zero: each word
    // is an odd-step counter sent through an integer hash, so at most one of the four can be 0.
    const state = (seed ^ Math.floor(seed / 0x1_0000_0000)) | 0;
    this.#x = scramble(state + 0x9e3779b9);
    this.#y = scramble(state + 0x3c6ef372);
    this.#z = scramble(state + 0xdaa66d2b);
    this.#w = scramble(state + 0x78dde6e4);
  }

  next(): number {
    return this.#word() / 0x1_0000_0000;
  }

  int(n: number): number {
    // The bias of scaling is n / 2³²: far below anything that balancing could notice.
    return Math.floor((this.#word() / 0x1_0000_0000) * n);
  }

  #word(): number {
    let t = this.#x ^ (this.#x << 11);
    this.#x = this.#y;
    this.#y = this.#z;
    this.#z = this.#w;
    t ^= t >>> 8;
    this.#w = this.#w ^ (this.#w >>> 19) ^ t;
    return this.#w >>> 0;
  }
}

/** A bijection of 32-bit integers in which every input bit reaches every output bit. */
function scramble(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x21f0aaad);
  hash = Math.imul(hash ^ (hash >>> 15), 0x735a2d97);
  return (hash ^ (hash >>> 15)) | 0;
}
