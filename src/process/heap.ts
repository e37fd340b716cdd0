import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** V8's, which Node does not offer without a flag. */
type Collect = (options: { readonly type: string; readonly flavor: string }) => void;

/**
 * Gives back the memory that this thread took for its start and needs no more: V8 keeps the room of its young objects
 * until a collection is asked to save memory, and an idle thread never comes to one. Stops the thread for some 50 ms.
 */
export function releaseMemory(): void {
  setFlagsFromString("--expose-gc");
  try {
    const collect = runInNewContext("globalThis.gc") as Collect | undefined;
    collect?.({ type: "major", flavor: "last-resort" });
  } finally {
    setFlagsFromString("--no-expose-gc");
  }
}
