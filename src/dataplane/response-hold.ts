/** What a backend sends while a filter still thinks about the head of its answer. Bounded: its connection is paused. */

import { HeaderList } from "#core/http/header-list.ts";
import type { Slice } from "#core/bytes/slice.ts";

/** Bytes of a body, in order, and its end. */
export class ResponseHold {
  slices: Slice[] = [];
  ended = false;
  trailers: HeaderList | null = null;

  /** The answer is complete; its trailers are copied, since they live in a parser that goes on. */
  end(trailers: HeaderList | null): void {
    this.ended = true;
    if (trailers === null || trailers.count === 0) return;
    this.trailers = new HeaderList();
    this.trailers.copyFrom(trailers);
  }

  release(): void {
    for (const slice of this.slices) slice.release();
    this.slices = [];
  }
}
