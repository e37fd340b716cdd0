/** Sets of symbols: what a class of characters stands for. */

import { OTHER, type SymbolSet } from "./program.ts";

/** The last code point. */
export const MAX_CODE_POINT = 0x10_ffff;

/** A set of nothing. */
export function emptySet(): SymbolSet {
  return new Uint8Array(OTHER + 1);
}

/**
 * Adds the code points `from` to `to`.
 *
 * @returns false if the range holds some but not all of the characters beyond U+00FF, which are one symbol
 */
export function addRange(set: SymbolSet, from: number, to: number): boolean {
  for (let symbol = from; symbol <= to && symbol < OTHER; symbol++) set[symbol] = 1;
  if (to < OTHER) return true;
  if (from > OTHER || to < MAX_CODE_POINT) return false;
  set[OTHER] = 1;
  return true;
}

/** Adds what belongs to another set. */
export function addSet(set: SymbolSet, other: SymbolSet): void {
  for (let symbol = 0; symbol <= OTHER; symbol++) if (other[symbol] === 1) set[symbol] = 1;
}

/** Everything else. */
export function negate(set: SymbolSet): SymbolSet {
  return set.map((belongs) => 1 - belongs);
}

/** With the other case of each letter. */
export function foldCase(set: SymbolSet): SymbolSet {
  const folded = set.slice();
  for (let lower = 0x61; lower <= 0xfe; lower++) {
    const isLetter = lower <= 0x7a || (lower >= 0xe0 && lower !== 0xf7);
    if (!isLetter) continue;
    if (set[lower] === 1) folded[lower - 32] = 1;
    if (set[lower - 32] === 1) folded[lower] = 1;
  }
  return folded;
}

/** The set of `ranges`: pairs of first and last characters, such as `azAZ`. */
export function setOf(ranges: string): SymbolSet {
  const set = emptySet();
  for (let i = 0; i + 1 < ranges.length; i += 2) {
    addRange(set, ranges.charCodeAt(i), ranges.charCodeAt(i + 1));
  }
  return set;
}

/** Classes that have a letter: `\d`. */
export const LETTER_CLASSES: ReadonlyMap<string, SymbolSet> = new Map(
  Object.entries({ d: "09", s: "\t\n\f\r  ", w: "09AZ__az" }).flatMap(([letter, ranges]) => [
    [letter, setOf(ranges)],
    [letter.toUpperCase(), negate(setOf(ranges))],
  ]),
);

/** Classes that have a name: `[:alpha:]`. */
export const NAMED_CLASSES: ReadonlyMap<string, SymbolSet> = new Map(
  Object.entries({
    alnum: "09AZaz",
    alpha: "AZaz",
    ascii: "\u0000\u007f",
    blank: "\t\t  ",
    cntrl: "\u0000\u001f\u007f\u007f",
    digit: "09",
    graph: "!~",
    lower: "az",
    print: " ~",
    punct: "!/:@[`{~",
    space: "\t\r  ",
    upper: "AZ",
    word: "09AZ__az",
    xdigit: "09AFaf",
  }).map(([name, ranges]) => [name, setOf(ranges)]),
);
