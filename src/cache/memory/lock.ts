/**
 * A lock of one word in shared memory. What is done under it takes microseconds, so it is tried again and again; only if its
 * holder has been taken off its processor meanwhile does waiting help, and then a moment of sleep gives it back.
 */

/** Tries before the first sleep: some 20 µs. */
const TRIES = 2048;
/** A sleep, milliseconds. Nobody ends it sooner: telling would cost every other unlocking more than this is worth. */
const NAP = 1;

/**
 * Takes the lock for a thread.
 *
 * @param naps how often it may sleep; then it is given up
 * @returns false if another holds on to it
 */
export function tryLock(words: Int32Array, at: number, row: number, naps: number): boolean {
  for (let nap = 0; ; nap++) {
    for (let i = 0; i < TRIES; i++) {
      // Looking first leaves the line of cache with its holder.
      if (words[at] === 0 && Atomics.compareExchange(words, at, 0, row + 1) === 0) return true;
    }
    if (nap === naps) return false;
    const holder = Atomics.load(words, at);
    if (holder !== 0) Atomics.wait(words, at, holder, NAP);
  }
}

/** Gives it back. */
export function unlock(words: Int32Array, at: number): void {
  Atomics.store(words, at, 0);
}
