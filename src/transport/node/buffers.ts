/** Slices as Buffers, which is what Node's sockets take without a copy. */

import { Buffer } from "node:buffer";
import type { Slice } from "#core/bytes/slice.ts";
import type { SliceQueue } from "../slice-queue.ts";
import type { Slab } from "./slab.ts";

/** The first `length` bytes of a slice. */
export function bufferOf(slice: Slice, length: number): Buffer {
  const bytes = slice.bytes;
  if (length === bytes.length && bytes instanceof Buffer) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset + slice.offset, length);
}

/** A copy of the first `count` slices of a queue, which have `size` bytes. */
export function gather(queue: SliceQueue, count: number, size: number, slab: Slab): Buffer {
  const copy = slab.cut(size);
  let at = copy.offset;
  for (let i = 0; i < count; i++) {
    const slice = queue.at(i);
    copy.bytes.set(slice.view(), at);
    at += slice.length;
  }
  return bufferOf(copy, size);
}
