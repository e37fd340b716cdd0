import type { Random } from "#core/random.ts";
import type { Clock } from "#core/time/clock.ts";

/**
 * Ids that differ between workers and restarts: the wall clock, a random part, and a count of at least six digits. The
 * text is made of its characters in one go: put together it would be a chain of strings that the first reader flattens.
 */
export function requestIds(clock: Clock, random: Random): () => string {
  const prefix =
    clock.wall().toString(36) +
    random
      .int(36 ** 5)
      .toString(36)
      .padStart(5, "0");
  const codes = Array.from(`${prefix}000000`, (char) => char.charCodeAt(0));
  return () => {
    const id = String.fromCharCode.apply(null, codes);
    countUp(codes, prefix.length);
    return id;
  };
}

const NUL_DIGIT = 0x30;
const LAST_DECIMAL = 0x39;
const FIRST_LETTER = 0x61;
const LAST_LETTER = 0x7a;

/** Adds one to the number in base 36 whose digits begin at `from`. */
function countUp(codes: number[], from: number): void {
  for (let at = codes.length - 1; at >= from; at--) {
    const digit = codes[at]!;
    if (digit !== LAST_LETTER) {
      codes[at] = digit === LAST_DECIMAL ? FIRST_LETTER : digit + 1;
      return;
    }
    codes[at] = NUL_DIGIT;
  }
  codes.splice(from, 0, NUL_DIGIT + 1);
}
