/**
 * Sets and maps of address blocks. Built once from text, then only asked: a lookup is one parse and one
 * binary search, whose steps grow with the logarithm of the number of blocks (16 for 60 000).
 */

import type { Parsed } from "../units.ts";
import { formatIp, parseIp } from "./ip.ts";

const HINT = "an address or a block: `10.0.0.0/8`, `192.168.1.7`, `2001:db8::/32`";

/** A block of addresses. Blocks of IPv4-mapped addresses are IPv4. */
export interface CidrBlock {
  /** Canonical form: `10.0.0.0/8`, `2001:db8::/32`. */
  readonly text: string;
  readonly family: 4 | 6;
  /** Bits in common: 0 to 32, or 0 to 128. */
  readonly bits: number;
  /** The lowest address, as `parseIp` stores it. */
  readonly words: Uint32Array;
}

/** The address of the lookup that is going on; its content means nothing between calls. */
const scratch = new Uint32Array(4);

/**
 * Reads `10.0.0.0/8`, `192.168.1.7` (the same as `/32`) or `2001:db8::/32`. Bits set behind the prefix are
 * refused: whoever writes `10.1.2.3/8` means either less or more than it says.
 */
export function parseCidr(text: string): Parsed<CidrBlock> {
  const slash = text.indexOf("/");
  const address = slash < 0 ? text : text.slice(0, slash);
  const words = new Uint32Array(4);
  const family = parseIp(address, words);
  if (family === 0) {
    return { ok: false, message: `\`${text}\` is not an address block`, hint: HINT };
  }
  // An IPv4 block that is written as IPv6 counts its bits from the front of the IPv6 address.
  const mapped = family === 4 && address.includes(":");
  const width = family === 4 && !mapped ? 32 : 128;
  const length = slash < 0 ? width : parseLength(text.slice(slash + 1), width);
  if (length < 0) {
    return {
      ok: false,
      message: `\`${text.slice(slash)}\` is not a prefix length`,
      hint: `\`/0\` to \`/${width}\``,
    };
  }
  const masked = words.map((word, index) => word & wordMask(length + 128 - width, index));
  if (masked.some((word, index) => word !== words[index])) {
    const block = `${formatIp(masked, width === 32 ? 4 : 6)}/${length}`;
    return {
      ok: false,
      message: `\`${text}\` has bits set behind its prefix`,
      hint: `did you mean \`${block}\` or \`${address}\`?`,
    };
  }
  const bits = mapped ? length - 96 : length;
  return { ok: true, value: { text: `${formatIp(words, family)}/${bits}`, family, bits, words } };
}

/** A set of address blocks. */
export class CidrSet {
  /** How many blocks it was made of. */
  readonly size: number;
  readonly #map: CidrMap<true>;

  /** @throws Error if a text is not a block; texts that a person wrote go through `parseCidr` first */
  constructor(blocks: readonly string[]) {
    this.size = blocks.length;
    this.#map = new CidrMap(blocks.map((text) => [text, true]));
  }

  /** Whether an address lies in one of the blocks; false for what is no address. A zone (`%eth0`) is ignored. */
  has(ip: string): boolean {
    return this.#map.get(ip) === true;
  }
}

/** Values by address block. The longest block that holds an address decides. */
export class CidrMap<T> {
  readonly #ipv4: Ranges<T>;
  readonly #ipv6: Ranges<T>;

  /**
   * @param entries blocks and their values; of equal blocks the last one counts
   * @throws Error if a text is not a block; texts that a person wrote go through `parseCidr` first
   */
  constructor(entries: readonly (readonly [string, T])[]) {
    const ipv4: Entry<T>[] = [];
    const ipv6: Entry<T>[] = [];
    for (const [text, value] of entries) {
      const parsed = parseCidr(text);
      if (!parsed.ok) throw new Error(parsed.message);
      // Families are kept apart: `::/0` says nothing about IPv4, though mapped addresses are in its range.
      (parsed.value.family === 4 ? ipv4 : ipv6).push({ block: parsed.value, value });
    }
    this.#ipv4 = new Ranges(ipv4, 3);
    this.#ipv6 = new Ranges(ipv6, 0);
  }

  /** The value of the longest block that holds the address; a zone (`%eth0`) is ignored. */
  get(ip: string): T | undefined {
    let family = parseIp(ip, scratch);
    if (family === 0) {
      const zone = ip.indexOf("%");
      if (zone < 0) return undefined;
      family = parseIp(ip.slice(0, zone), scratch);
    }
    if (family === 0) return undefined;
    return (family === 4 ? this.#ipv4 : this.#ipv6).find(scratch);
  }
}

interface Entry<T> {
  readonly block: CidrBlock;
  readonly value: T;
}

/**
 * Blocks nest or are disjoint, never else. Laid out flat they are ranges that follow each other, each with
 * the value of the innermost block there:
 *
 *     10.0.0.0/8  A   |-----------------------|
 *     10.1.0.0/16 B        |------|
 *     starts          A    B      A            nothing
 */
class Ranges<T> {
  /** First address of each range, four words each, ascending. */
  readonly #starts: Uint32Array;
  readonly #values: readonly (T | undefined)[];
  /** The words before this one are the same in all addresses. */
  readonly #firstWord: number;

  constructor(entries: Entry<T>[], firstWord: number) {
    // An outer block before those in it; of equal blocks the last written comes last, and counts.
    const sorted = entries.toSorted(
      (a, b) => compareWords(a.block.words, b.block.words) || a.block.bits - b.block.bits,
    );
    const starts: Uint32Array[] = [];
    const values: (T | undefined)[] = [];
    const begin = (start: Uint32Array, value: T | undefined): void => {
      const last = starts.at(-1);
      if (last !== undefined && compareWords(last, start) === 0) values[values.length - 1] = value;
      else {
        starts.push(start);
        values.push(value);
      }
    };
    const open: { readonly end: Uint32Array | null; readonly value: T }[] = [];
    /** Closes the open blocks that end at or before an address (null: all of them). */
    const close = (until: Uint32Array | null): void => {
      for (let inner = open.at(-1); inner !== undefined; inner = open.at(-1)) {
        if (until !== null && (inner.end === null || compareWords(inner.end, until) > 0)) return;
        open.pop();
        if (inner.end !== null) begin(inner.end, open.at(-1)?.value);
      }
    };
    for (const { block, value } of sorted) {
      close(block.words);
      begin(block.words, value);
      open.push({ end: endOf(block), value });
    }
    close(null);
    this.#starts = new Uint32Array(starts.length * 4);
    for (const [index, start] of starts.entries()) this.#starts.set(start, index * 4);
    this.#values = values;
    this.#firstWord = firstWord;
  }

  /** The value of the last range that does not start behind the address. */
  find(words: Uint32Array): T | undefined {
    const starts = this.#starts;
    const firstWord = this.#firstWord;
    let low = 0;
    let high = this.#values.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      let word = firstWord;
      while (word < 3 && starts[middle * 4 + word] === words[word]) word++;
      if (starts[middle * 4 + word]! <= words[word]!) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? undefined : this.#values[low - 1];
  }
}

/** The first address of the family that lies behind a block; null if there is none. */
function endOf(block: CidrBlock): Uint32Array | null {
  const firstWord = block.family === 4 ? 3 : 0;
  if (block.bits === 0) return null;
  const bits = block.bits + firstWord * 32;
  const end = block.words.slice();
  let word = (bits - 1) >>> 5;
  end[word]! += 2 ** (31 - ((bits - 1) & 31));
  // The sum is stored modulo 2³²: what came out as 0 carries.
  while (end[word] === 0) {
    if (--word < firstWord) return null;
    end[word]! += 1;
  }
  return end;
}

/** The bits of word `index` that a prefix of 128-bit addresses covers. */
function wordMask(prefix: number, index: number): number {
  const covered = Math.min(32, Math.max(0, prefix - index * 32));
  return covered === 0 ? 0 : -1 << (32 - covered);
}

function compareWords(a: Uint32Array, b: Uint32Array): number {
  for (let word = 0; word < 4; word++) {
    if (a[word] !== b[word]) return a[word]! - b[word]!;
  }
  return 0;
}

function parseLength(text: string, width: number): number {
  if (!/^(?:0|[1-9]\d{0,2})$/.test(text)) return -1;
  const length = Number(text);
  return length <= width ? length : -1;
}
