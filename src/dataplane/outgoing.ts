/** Bytes that the data plane writes itself: heads, and the framing around the pieces of a chunked body. */

import { sliceOf, type Slice } from "#core/bytes/slice.ts";
import { ByteWriter } from "#core/bytes/writer.ts";
import { chunkHead } from "#protocol/http1/serializer.ts";
import type { Transport } from "#transport/contract.ts";

/** What is serialized here is copied to the transport's memory in the same call, so one writer serves all. */
export const WRITER: ByteWriter = new ByteWriter(4096);

const CRLF: Slice = sliceOf(Uint8Array.of(13, 10));

/** What is in the writer, in memory that `write` can send without another copy. */
export function written(transport: Transport): Slice {
  const slice = transport.allocate(WRITER.length);
  slice.bytes.set(WRITER.view(), slice.offset);
  slice.length = WRITER.length;
  return slice;
}

/** A piece of a body as a chunk of its own (RFC 9112 §7.1). */
export function chunkOf(transport: Transport, slice: Slice): Slice[] {
  WRITER.reset();
  chunkHead(WRITER, slice.length);
  return [written(transport), slice, CRLF.part(0, 2)];
}
