/** Heads of answers and trailers into header blocks (RFC 9113 §8.3.2). */

import { ByteWriter } from "#core/bytes/writer.ts";
import { HEADER } from "#core/http/header-names.ts";
import type { HeaderList } from "#core/http/header-list.ts";
import { HOP_BY_HOP, isTrailerAllowed } from "#core/http/hop-by-hop.ts";
import type { ResponseHead } from "#core/http/message.ts";
import { writeField, writeNumber, writeStatus, writeTableSizeZero } from "./hpack/encoder.ts";
import type { PeerSettings } from "./settings.ts";

const DELETED = -1;

/** By header id: 1 = never copied from a received head. */
const SKIPPED: Uint8Array = HOP_BY_HOP.slice();
SKIPPED[HEADER["content-length"]] = 1;

/** What is encoded is copied into frames in the same call, so one writer serves all. */
const BLOCK: ByteWriter = new ByteWriter(4096);

/** Writes blocks for one connection. */
export class ResponseWriter {
  readonly #peer: PeerSettings;

  constructor(peer: PeerSettings) {
    this.#peer = peer;
  }

  /** A head, final or interim; `contentLength` -1: not said. The bytes are valid until the next call. */
  head(head: ResponseHead, contentLength: number): Uint8Array {
    this.#begin();
    writeStatus(BLOCK, head.status);
    const { headers } = head;
    const { bytes, count } = headers;
    for (let i = 0; i < count; i++) {
      const id = headers.idAt(i);
      if (id !== DELETED && SKIPPED[id] !== 1) copyField(headers, i, id, bytes);
    }
    if (contentLength >= 0 && head.status >= 200 && head.status !== 204) {
      writeNumber(BLOCK, HEADER["content-length"], contentLength);
    }
    return BLOCK.view();
  }

  /** Those of `trailers` that may stand behind a body; null: none of them may. */
  trailers(trailers: HeaderList): Uint8Array | null {
    const kept: number[] = [];
    for (let i = 0; i < trailers.count; i++) {
      if (trailers.idAt(i) !== DELETED && isTrailerAllowed(trailers.nameAt(i))) kept.push(i);
    }
    if (kept.length === 0) return null;
    this.#begin();
    for (const i of kept) copyField(trailers, i, trailers.idAt(i), trailers.bytes);
    return BLOCK.view();
  }

  #begin(): void {
    BLOCK.reset();
    if (this.#peer.tableChanged) writeTableSizeZero(BLOCK);
    this.#peer.tableChanged = false;
  }
}

function copyField(list: HeaderList, index: number, id: number, bytes: Uint8Array): void {
  writeField(
    BLOCK,
    id,
    bytes,
    list.nameStartAt(index),
    list.nameEndAt(index),
    list.valueStartAt(index),
    list.valueEndAt(index),
  );
}
