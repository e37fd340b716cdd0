import { Buffer } from "node:buffer";
import { GARBAGE_COLLECTED, Slice } from "#core/bytes/slice.ts";
import type { SliceQueue } from "../slice-queue.ts";
import { ReceiveBuffer } from "./native/buffer-group.ts";
import { Pinned } from "./native/pinned.ts";

/** Moves what waits to JavaScript's heap: always what was cut from send memory, `received` bytes only if they are to go too. */
export function moveToHeap(queue: SliceQueue, received: boolean): void {
  for (let i = 0; i < queue.count; i++) {
    const { owner, length } = queue.at(i);
    if (!(owner instanceof Pinned) || (owner instanceof ReceiveBuffer && !received)) continue;
    const copy = Buffer.allocUnsafeSlow(length);
    copy.set(queue.at(i).view());
    queue.replace(i, new Slice(copy, 0, length, GARBAGE_COLLECTED));
  }
}
