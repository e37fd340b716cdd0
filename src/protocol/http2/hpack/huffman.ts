/**
 * The Huffman code of HPACK (RFC 7541 §5.2 and appendix B). The code is canonical: codes are given out in the order of
 * length, then of symbol, so the lengths alone say all of it.
 */

/** Bits of the code of each byte, and of EOS (256). */
// prettier-ignore
const LENGTHS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
  28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
  5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
  6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
  24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
  21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
];
const EOS = 256;

/** The code of each symbol, in its low bits. */
const CODES = new Uint32Array(LENGTHS.length);
const BITS: Uint8Array = Uint8Array.from(LENGTHS);

const inOrder = LENGTHS.map((length, symbol) => ({ length, symbol }));
inOrder.sort((a, b) => a.length - b.length || a.symbol - b.symbol);
let next = 0;
let previous = inOrder[0]!.length;
for (const { length, symbol } of inOrder) {
  next *= 2 ** (length - previous);
  previous = length;
  CODES[symbol] = next++;
}

/**
 * The decoder as a machine that takes four bits at a time: by state and nibble, the next state, whether a symbol ends in
 * the nibble (at most one does: codes have five bits or more), and that symbol. State 0 is the root; a state is a node
 * of the tree of codes.
 */
const EMITS = 1 << 8;
const STATE_SHIFT = 9;
const DEAD = -1;
const { machine: NEXT, mayEnd: MAY_END } = buildMachine();

/** `mayEnd`: by state, 1 = the bits since the last symbol are fewer than eight, all ones, and so may end a string. */
function buildMachine(): { machine: Int32Array; mayEnd: Uint8Array } {
  // Children by node: an inner node's number, or -2 - symbol; 0: not made yet.
  const children: number[] = [0, 0];
  const depths: number[] = [0];
  const onlyOnes: boolean[] = [true];
  for (let symbol = 0; symbol <= EOS; symbol++) {
    const length = LENGTHS[symbol]!;
    let node = 0;
    for (let bit = length - 1; bit >= 0; bit--) {
      const side = (CODES[symbol]! >>> bit) & 1;
      const at = node * 2 + side;
      if (bit === 0) children[at] = -2 - symbol;
      else if (children[at] === 0) {
        const made = depths.length;
        children[at] = made;
        children.push(0, 0);
        depths.push(depths[node]! + 1);
        onlyOnes.push(onlyOnes[node]! && side === 1);
        node = made;
      } else node = children[at]!;
    }
  }
  const machine = new Int32Array(depths.length * 16);
  for (let state = 0; state < depths.length; state++) {
    for (let nibble = 0; nibble < 16; nibble++) {
      machine[state * 16 + nibble] = step(children, state, nibble);
    }
  }
  const mayEnd = Uint8Array.from(depths, (depth, node) => (depth < 8 && onlyOnes[node] ? 1 : 0));
  return { machine, mayEnd };
}

function step(children: readonly number[], state: number, nibble: number): number {
  let node = state;
  let emitted = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const child = children[node * 2 + ((nibble >> bit) & 1)]!;
    if (child === -2 - EOS) return DEAD;
    if (child <= -2) {
      emitted = EMITS | (-2 - child);
      node = 0;
    } else node = child;
  }
  return (node << STATE_SHIFT) | emitted;
}

/** The most bytes that `length` encoded bytes can stand for. */
export function mostDecoded(length: number): number {
  return Math.floor((length * 8) / 5);
}

/**
 * Decodes `source` from `start` to `end` into `target` from `at` on, where `mostDecoded` bytes have room.
 *
 * @returns where the decoded text ends; -1 if the bytes are not a string: EOS inside, or a padding that is longer than
 * seven bits or not all ones
 */
export function decodeHuffman(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  at: number,
): number {
  let state = 0;
  let to = at;
  for (let from = start; from < end; from++) {
    const byte = source[from]!;
    let entry = NEXT[state * 16 + (byte >> 4)]!;
    if (entry === DEAD) return -1;
    if ((entry & EMITS) !== 0) target[to++] = entry & 0xff;
    entry = NEXT[(entry >> STATE_SHIFT) * 16 + (byte & 15)]!;
    if (entry === DEAD) return -1;
    if ((entry & EMITS) !== 0) target[to++] = entry & 0xff;
    state = entry >> STATE_SHIFT;
  }
  return MAY_END[state] === 1 ? to : -1;
}

/** How many bytes `source` from `start` to `end` takes when it is encoded. */
export function encodedLength(source: Uint8Array, start: number, end: number): number {
  let bits = 0;
  for (let at = start; at < end; at++) bits += BITS[source[at]!]!;
  return (bits + 7) >> 3;
}

/** Encodes into `target` from `at` on, where `encodedLength` bytes have room; returns where that ends. */
export function encodeHuffman(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  at: number,
): number {
  let to = at;
  /** Bits that do not fill a byte yet, fewer than eight. */
  let held = 0;
  let count = 0;
  for (let from = start; from < end; from++) {
    const byte = source[from]!;
    let bits = BITS[byte]!;
    let code = CODES[byte]!;
    if (bits > 16) {
      // With what is held it would not fit into the engine's integers.
      const high = bits - 16;
      held = (held << high) | (code >>> 16);
      count += high;
      while (count >= 8) target[to++] = held >> (count -= 8);
      held &= (1 << count) - 1;
      code &= 0xffff;
      bits = 16;
    }
    held = (held << bits) | code;
    count += bits;
    while (count >= 8) target[to++] = held >> (count -= 8);
    held &= (1 << count) - 1;
  }
  if (count > 0) target[to++] = (held << (8 - count)) | (0xff >> count);
  return to;
}
