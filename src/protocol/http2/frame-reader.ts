/**
 * Bytes into frames (RFC 9113 §4). DATA is told piece by piece as it arrives and never copied; every other frame is told
 * when it is complete, from where it was received or, if it came in parts, from memory of its own.
 */

import { ERROR, FLAG, FRAME, FRAME_HEAD, MAX_FRAME } from "./codes.ts";

/** Everything that was given is used up. */
export const NEED_MORE = 0;
/** A frame other than DATA is complete: its payload is `payload` from `start` to `end`. */
export const FRAME_COMPLETE = 1;
/** The head of a DATA frame was read. */
export const DATA_BEGINS = 2;
/** `start` to `end` of the bytes just passed in are data. */
export const DATA_PIECE = 3;
/** The DATA frame is complete, its padding too. */
export const DATA_ENDS = 4;
/** The connection is at fault: `fault` and `detail`. */
export const FRAME_FAULT = 5;
export type FrameEvent = 0 | 1 | 2 | 3 | 4 | 5;

const HEAD = 0;
const PAYLOAD = 1;
/** Frames of types that nobody knows are read over (RFC 9113 §5.5). */
const SKIPPED = 2;
const PAD_LENGTH = 3;
const DATA = 4;
const PADDING = 5;
type State = 0 | 1 | 2 | 3 | 4 | 5;

const NOTHING: Uint8Array = new Uint8Array(0);

/** Reads the frames of one connection, behind its preface. */
export class FrameReader {
  // the frame that is being read
  type = 0;
  flags = 0;
  stream = 0;
  /** Of the payload, padding included. */
  length = 0;
  // where it is
  payload: Uint8Array = NOTHING;
  start = 0;
  end = 0;
  /** Where to go on after each event. */
  position = 0;
  fault = 0;
  detail = "";
  #state: State = HEAD;
  readonly #head: Uint8Array = new Uint8Array(FRAME_HEAD);
  #headLength = 0;
  /** Payload that came in parts. */
  #held: Uint8Array = NOTHING;
  #heldLength = 0;
  /** Bytes of the payload that have not come yet: of data, of padding. */
  #left = 0;
  #padding = 0;

  /** Of a DATA frame: its data, without what pads it. */
  get dataLength(): number {
    return (this.flags & FLAG.padded) === 0 ? this.length : this.length - 1 - this.#padding;
  }

  /** In the middle of a frame? */
  get amid(): boolean {
    return this.#state !== HEAD || this.#headLength > 0;
  }

  /** To be called again from `position` until it answers NEED_MORE or FRAME_FAULT, which is final. */
  next(bytes: Uint8Array, from: number, to: number): FrameEvent {
    let at = from;
    for (;;) {
      switch (this.#state) {
        case HEAD: {
          at = this.#readHead(bytes, at, to);
          if (at < 0) return FRAME_FAULT;
          if (this.#headLength < FRAME_HEAD) return this.#pause(to);
          this.#headLength = 0;
          if (this.type === FRAME.data) {
            this.position = at;
            return DATA_BEGINS;
          }
          break;
        }
        case PAYLOAD:
          return this.#readPayload(bytes, at, to);
        case SKIPPED:
          if (to - at < this.#left) {
            this.#left -= to - at;
            return this.#pause(to);
          }
          return this.#complete(NOTHING, 0, 0, at + this.#left);
        case PAD_LENGTH:
          if (at === to) return this.#pause(to);
          this.#padding = bytes[at++]!;
          if (this.#padding >= this.length)
            return this.#fail(ERROR.protocolError, "padding too long");
          this.#left = this.length - 1 - this.#padding;
          this.#state = DATA;
          break;
        case DATA: {
          if (this.#left === 0) {
            this.#state = PADDING;
            this.#left = this.#padding;
            break;
          }
          if (at === to) return this.#pause(to);
          const count = Math.min(to - at, this.#left);
          this.#left -= count;
          this.start = at;
          this.position = this.end = at + count;
          return DATA_PIECE;
        }
        case PADDING:
          if (to - at < this.#left) {
            this.#left -= to - at;
            return this.#pause(to);
          }
          this.#state = HEAD;
          this.position = at + this.#left;
          return DATA_ENDS;
      }
    }
  }

  #pause(to: number): FrameEvent {
    this.position = to;
    return NEED_MORE;
  }

  #fail(code: number, detail: string): FrameEvent {
    this.fault = code;
    this.detail = detail;
    return FRAME_FAULT;
  }

  /** Where to go on; -1 after a fault. */
  #readHead(bytes: Uint8Array, from: number, to: number): number {
    let head = bytes;
    let start = from;
    let at = from + FRAME_HEAD;
    if (this.#headLength > 0 || to - from < FRAME_HEAD) {
      head = this.#head;
      start = 0;
      at = from;
      while (at < to && this.#headLength < FRAME_HEAD) head[this.#headLength++] = bytes[at++]!;
      if (this.#headLength < FRAME_HEAD) return at;
    }
    this.#headLength = FRAME_HEAD;
    this.length = (head[start]! << 16) | (head[start + 1]! << 8) | head[start + 2]!;
    this.type = head[start + 3]!;
    this.flags = head[start + 4]!;
    // The reserved bit is ignored.
    this.stream =
      ((head[start + 5]! & 0x7f) << 24) |
      (head[start + 6]! << 16) |
      (head[start + 7]! << 8) |
      head[start + 8]!;
    if (this.length > MAX_FRAME) {
      this.#fail(ERROR.frameSizeError, `frame of ${this.length} bytes`);
      return -1;
    }
    this.#left = this.length;
    this.#heldLength = 0;
    this.#padding = 0;
    if (this.type === FRAME.data) {
      this.#state = (this.flags & FLAG.padded) === 0 ? DATA : PAD_LENGTH;
      if (this.#state === PAD_LENGTH && this.length === 0) {
        this.#fail(ERROR.frameSizeError, "no pad length");
        return -1;
      }
    } else this.#state = isKnown(this.type) ? PAYLOAD : SKIPPED;
    return at;
  }

  #readPayload(bytes: Uint8Array, from: number, to: number): FrameEvent {
    const { length } = this;
    if (this.#heldLength === 0 && to - from >= length) {
      return this.#complete(bytes, from, from + length, from + length);
    }
    if (this.#heldLength === 0 && from < to) this.#held = new Uint8Array(length);
    const count = Math.min(to - from, length - this.#heldLength);
    if (count > 0) this.#held.set(bytes.subarray(from, from + count), this.#heldLength);
    this.#heldLength += count;
    if (this.#heldLength < length) return this.#pause(to);
    const held = this.#held;
    this.#held = NOTHING;
    return this.#complete(held, 0, length, from + count);
  }

  #complete(payload: Uint8Array, start: number, end: number, position: number): FrameEvent {
    this.payload = payload;
    this.start = start;
    this.end = end;
    this.position = position;
    this.#state = HEAD;
    return FRAME_COMPLETE;
  }
}

function isKnown(type: number): boolean {
  return type <= FRAME.continuation || type === FRAME.priorityUpdate;
}
