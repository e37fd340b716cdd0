/** The fields behind a body (RFC 9113 §8.1). */

import { HeaderList } from "#core/http/header-list.ts";
import { isTrailerAllowed } from "#core/http/hop-by-hop.ts";
import { MAX_TRAILER_FIELDS, MAX_TRAILERS } from "../http1/limits.ts";
import { flawsOf } from "./field-flaws.ts";
import type { FieldSink, HpackDecoder } from "./hpack/decoder.ts";

const COLON = 0x3a;

/** Reads trailers into lists of their own; those that may not be trailers are left out. */
export class TrailerReader implements FieldSink {
  readonly flawsOf: FieldSink["flawsOf"] = flawsOf;
  /** Why they are malformed; "" if they are not. */
  flaw = "";
  /** Nothing more is kept of trailers that are malformed. */
  get full(): boolean {
    return this.flaw !== "";
  }
  #list: HeaderList = new HeaderList(64, 4);
  #fields = 0;

  /** The trailers of one block; null: the block cannot be decoded. */
  read(decoder: HpackDecoder, bytes: Uint8Array, start: number, end: number): HeaderList | null {
    this.flaw = "";
    this.#fields = 0;
    this.#list = new HeaderList(64, 4);
    return decoder.decode(bytes, start, end, this.#list, this) ? this.#list : null;
  }

  onStaticPseudo(name: string): void {
    this.flaw = `${name} in trailers`;
  }

  onField(
    id: number,
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
    flaws: number,
  ): void {
    const list = this.#list;
    if (flaws !== 0) this.flaw = "illegal byte in a trailer";
    else if (list.bytes[nameStart] === COLON) this.flaw = "pseudo-field in trailers";
    else if (list.used > MAX_TRAILERS || ++this.#fields > MAX_TRAILER_FIELDS) {
      this.flaw = "trailers too large";
    } else {
      list.addEntry(id, nameStart, nameEnd, valueStart, valueEnd);
      const index = list.count - 1;
      if (!isTrailerAllowed(list.nameAt(index))) list.deleteAt(index);
      return;
    }
    list.used = nameStart;
  }
}
