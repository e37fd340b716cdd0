import type { Ledger } from "./ledger.ts";
import { Libc } from "./native/libc.ts";
import { leftBehind } from "./native/ring.ts";
import { ACCEPT, operationOf } from "./slots.ts";

/**
 * Gives back what a thread that has ended had of the system. Only after its end: then nothing of the kernel's works
 * for it any more, and nobody closes a descriptor of its ledger but us.
 *
 * SAFETY: descriptors are closed first, the ring among them, and memory is unmapped afterwards. Views of the memory
 * belonged to the thread and are gone with it.
 *
 * @returns how many descriptors were still open
 */
export function reclaim(ledger: Ledger): number {
  const descriptors = [...ledger.descriptors()];
  const memory = [...ledger.memory()];
  // The usual case on the node transport: there is no need to load anything.
  if (descriptors.length === 0 && memory.length === 0) return 0;
  const libc = new Libc();
  const { completions } = ledger;
  if (completions !== null) {
    // Accepted by the kernel and not yet looked at by the thread: nobody has written these down.
    leftBehind(libc, completions, (_, tag, result) => {
      if (operationOf(tag) === ACCEPT && result >= 0) descriptors.push(result);
    });
  }
  for (const fd of descriptors) {
    ledger.closing(fd);
    libc.close(fd);
  }
  for (const { address, length } of memory) {
    ledger.unmapped(address);
    libc.munmap(address, length);
  }
  return descriptors.length;
}
