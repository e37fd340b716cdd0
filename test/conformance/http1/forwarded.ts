/** A proxy's way through the engine without the proxy: messages are parsed and written anew, never passed raw. */

import assert from "node:assert/strict";
import { ByteWriter } from "#core/bytes/writer.ts";
import { latin1 } from "#core/bytes/latin1.ts";
import { DATA, END, FAULT, HEAD, NEED_MORE } from "#protocol/http1/events.ts";
import { wireBytes } from "#protocol/http1/feed.fixture.ts";
import { RequestParser } from "#protocol/http1/request-parser.ts";
import { chunkHead, writeLastChunk, writeRequestHead } from "#protocol/http1/serializer.ts";

/** What a backend would get of the first request of a wire, as latin1. */
export function forwardedRequest(wire: string | Uint8Array): string {
  const parser = new RequestParser();
  const writer = new ByteWriter();
  const bytes = wireBytes(wire);
  let position = 0;
  let chunked = false;
  for (;;) {
    const event = parser.next(bytes, position, bytes.length);
    position = parser.position;
    if (event === HEAD) {
      const { head } = parser;
      const framing = head.framing === "close" ? "none" : head.framing;
      chunked = framing === "chunked";
      const host = head.authority === "" ? "a" : head.authority;
      const { target, contentLength } = head;
      writeRequestHead(writer, head, target, host, framing, contentLength, "keep-alive", false);
    } else if (event === DATA) {
      if (chunked) chunkHead(writer, parser.dataEnd - parser.dataStart);
      writer.copy(bytes, parser.dataStart, parser.dataEnd);
      if (chunked) writer.crlf();
    } else {
      if (event === END && chunked) writeLastChunk(writer, parser.trailers);
      assert(event === END || event === FAULT || event === NEED_MORE);
      return latin1(writer.bytes, 0, writer.length);
    }
  }
}
