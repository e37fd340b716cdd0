/** Bytes that the data plane writes itself: heads, and the framing around the pieces of a chunked body. */

import { sliceOf, type Slice } from "#core/bytes/slice.ts";
import { ByteWriter } from "#core/bytes/writer.ts";
import { chunkHead } from "#protocol/http1/serializer.ts";
import type { Transport } from "#transport/contract.ts";

/** What is serialized is handed to the transport in the same call, so one writer serves all. */
const WRITER: ByteWriter = new ByteWriter(4096);

const CRLF: Slice = sliceOf(Uint8Array.of(13, 10));

/** Sixteen hexadecimal digits and CRLF. */
const CHUNK_HEAD_BYTES = 18;

/** What a head needs at most beside its fields: start line without target and host, framing, connection. */
export const HEAD_ROOM = 256;

/** What ends a chunked body, mostly without trailers. */
export const LAST_CHUNK_ROOM = 16;

/** The memory of the transport that is being written into. */
let lent: Slice | null = null;

/**
 * Begins a piece of some `size` bytes, in memory that `write` can send without another copy. `written` follows in the
 * same call.
 */
export function begin(transport: Transport, size: number): ByteWriter {
  // The last piece was not finished: its serializer threw.
  if (lent !== null) lent.release();
  lent = transport.allocate(size);
  WRITER.lend(lent.bytes, lent.offset, size);
  return WRITER;
}

/** What was written since `begin`. */
export function written(transport: Transport): Slice {
  let slice = lent!;
  lent = null;
  if (WRITER.bytes !== slice.bytes) {
    // It became longer than was thought.
    slice.release();
    slice = transport.allocate(WRITER.length);
    slice.bytes.set(WRITER.view(), slice.offset);
  }
  slice.length = WRITER.length;
  return slice;
}

/** A piece of a body as a chunk of its own (RFC 9112 §7.1). */
export function chunkOf(transport: Transport, slice: Slice): Slice[] {
  chunkHead(begin(transport, CHUNK_HEAD_BYTES), slice.length);
  return [written(transport), slice, CRLF.part(0, 2)];
}
