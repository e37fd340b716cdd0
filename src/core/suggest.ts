/**
 * "Did you mean": the nearest of some known words to a mistyped one.
 */

/** How many edits a word of this length may be away: one edit for three characters, and always one. */
function tolerance(length: number): number {
  return Math.max(1, Math.floor(length / 3));
}

/**
 * Number of edits (insert, delete, replace, or swap of two neighbours) that turn `a` into `b`; the "optimal string
 * alignment" distance. Quadratic: meant for words, not for texts.
 */
export function editDistance(a: string, b: string): number {
  // Three rows are enough: a swap looks two rows back.
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let best = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
      );
      const swapped =
        row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) best = Math.min(best, (beforeLast[column - 2] ?? 0) + 1);
      current.push(best);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length] ?? 0;
}

/**
 * The word of `known` that `written` was most likely meant to be, or undefined when none is near. Letter case and `-`
 * and `_` count for nothing (`first_byte` suggests `firstByte`). Of equally near words the first wins.
 */
export function suggest(written: string, known: Iterable<string>): string | undefined {
  const plain = simplify(written);
  let best: string | undefined;
  let bestDistance = Infinity;
  for (const word of known) {
    const candidate = simplify(word);
    // Lengths bound the distance from below; this also keeps a very long input cheap.
    if (Math.abs(candidate.length - plain.length) > tolerance(candidate.length)) continue;
    const distance = editDistance(plain, candidate);
    const allowed = Math.min(tolerance(plain.length), tolerance(candidate.length));
    if (distance <= allowed && distance < bestDistance && distance < candidate.length) {
      best = word;
      bestDistance = distance;
    }
  }
  return best;
}

function simplify(word: string): string {
  return word.toLowerCase().replaceAll(/[-_\s]/g, "");
}
