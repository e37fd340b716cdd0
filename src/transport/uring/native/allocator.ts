import { createRequire } from "node:module";
import process from "node:process";
import type * as Koffi from "koffi";

/**
 * Has the C library give back to the system what it keeps of memory that was freed: glibc keeps pieces of less than
 * 128 KiB and more for the next who asks, in every arena that a thread has used, for ever. Its arenas are locked one
 * after the other while it looks through them: some 50 ms for half a GiB.
 *
 * SAFETY: `malloc_trim(size_t)` takes no address, and may be called by any thread.
 *
 * @returns false if there is nobody to ask: another system than Linux, a library that is not glibc, no koffi
 */
export function trimFreed(): boolean {
  if (process.platform !== "linux") return false;
  try {
    const koffi = createRequire(import.meta.url)("koffi") as typeof Koffi;
    const trim = koffi.load(null).func("int malloc_trim(size_t)") as (pad: number) => number;
    trim(0);
    return true;
  } catch {
    return false;
  }
}
