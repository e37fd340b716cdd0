/** What is asked and answered in a long run: every request has a number, and from it follows each byte of both bodies. */

import { Xorshift } from "#core/random.ts";

/** The longest body of a numbered request. */
export const LONGEST_BODY: number = 512 * 1024;
/** Numbers that begin at different places; a prime, so that neighbours lie far apart. */
const PLACES = 1_048_573;
const STEP = 7919;

const POOL = Buffer.alloc(PLACES + LONGEST_BODY);
const random = new Xorshift(20_261_124);
for (let i = 0; i + 4 <= POOL.length; i += 4) POOL.writeUInt32LE(random.int(2 ** 32), i);

/** The body that belongs to a number: a view, not to be changed. */
export function bodyOf(id: number, size: number): Buffer {
  const start = (id * STEP) % PLACES;
  return POOL.subarray(start, start + size);
}

/** How a backend is to answer. */
export type Manner =
  /** With Content-Length. */
  | "length"
  | "chunked"
  /** Without either: the end of the connection ends it. */
  | "close"
  /** 103 first. */
  | "hints"
  /** In pieces with pauses. */
  | "slow"
  /** With the body of the request, as it comes. */
  | "echo"
  | "204"
  | "304"
  /** Breaks off, or resets, somewhere. */
  | "broken";

/** A numbered request. */
export interface Asked {
  readonly id: number;
  readonly method: "GET" | "HEAD" | "POST";
  readonly manner: Manner;
  /** Bytes of the answer's body. */
  readonly size: number;
  /** Bytes of the request's body. */
  readonly sends: number;
}

/** The path of a request; those whose answer breaks have a route and an upstream of their own. */
export function pathOf({ id, manner, size, sends }: Asked): string {
  return `/${manner === "broken" ? "broken" : "own"}/${manner}/${id}/${size}/${sends}`;
}

/** What {@link pathOf} has written; null for other paths. */
export function parsePath(path: string): Omit<Asked, "method"> | null {
  const found = /^\/(?:own|broken)\/([a-z0-9]+)\/(\d+)\/(\d+)\/(\d+)$/.exec(path);
  if (found === null) return null;
  const [, manner, id, size, sends] = found;
  return { manner: manner as Manner, id: Number(id), size: Number(size), sends: Number(sends) };
}

/** Compares a body with that of a number, piece by piece. */
export class BodyCheck {
  /** Bytes that came and were right. */
  seen = 0;
  wrong = false;
  readonly #expected: Buffer;

  constructor(id: number, size: number) {
    this.#expected = bodyOf(id, size);
  }

  add(piece: Uint8Array): void {
    const expected = this.#expected.subarray(this.seen, this.seen + piece.length);
    if (!expected.equals(piece)) this.wrong = true;
    this.seen += piece.length;
  }

  /** Everything came, and was right. */
  get complete(): boolean {
    return !this.wrong && this.seen === this.#expected.length;
  }
}
