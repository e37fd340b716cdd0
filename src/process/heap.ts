import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** V8's, which Node does not offer without a flag. */
type Collect = (options: { readonly type: string; readonly flavor: string }) => void;

/**
 * The most that may be in a heap, in bytes, for a collection that saves what it can, which goes through it several times,
 * and for one that goes through it once. A thread with more, such as the cache of a filter, would stand still for too long.
 */
const MOST = { thorough: 64 * 1024 * 1024, once: 256 * 1024 * 1024 } as const;

/** It lives as long as the thread, with the small context that it was found in. */
let collect: Collect | undefined;

/**
 * Gives back the memory that this thread has taken and needs no more: V8 keeps the room of its young objects until a
 * collection is asked to save memory, and an idle thread never comes to one. Stops the thread for some 40 ms; for longer
 * where much is in its heap.
 *
 * @param most bytes in the heap with which it is done
 * @returns false if nothing was done: too much is in the heap, or another thread came in between
 */
export function releaseMemory(most: number = MOST.once): boolean {
  const used = getHeapStatistics().used_heap_size;
  if (used > most) return false;
  collect ??= findCollect();
  collect?.({ type: "major", flavor: used > MOST.thorough ? "regular" : "last-resort" });
  return collect !== undefined;
}

/** Flags are the process's: another thread that is here too may take back what this one needs. */
function findCollect(): Collect | undefined {
  setFlagsFromString("--expose-gc");
  try {
    return runInNewContext("globalThis.gc") as Collect | undefined;
  } finally {
    setFlagsFromString("--no-expose-gc");
  }
}
