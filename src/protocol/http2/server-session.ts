/**
 * The server's side of one HTTP/2 connection (RFC 9113), without a socket or a clock: it is fed what arrives, tells its
 * user what that means, and writes the frames that the protocol itself asks for.
 *
 *     bytes ──► FrameReader ──► ServerSession ──► onRequest, onData, onEnd, onStreamLost …
 *                                    │
 *                                    ╰──► frames for the client: settings, windows, resets, GOAWAY
 *
 * A fault of one stream ends that stream; a fault of the connection, or too much of what is allowed in moderation
 * (`abuse.ts`), ends all: GOAWAY is written, and nothing more is read.
 */

import type { ByteWriter } from "#core/bytes/writer.ts";
import type { FailureCode } from "#core/errors.ts";
import type { Abuse } from "#core/http/abuse.ts";
import type { HeaderList } from "#core/http/header-list.ts";
import { MAX_HEAD } from "../http1/limits.ts";
import { AbuseWatch } from "./abuse.ts";
import {
  ClosedStreams,
  ENDED,
  NEVER_OPEN,
  RESET_BY_CLIENT,
  RESET_BY_US,
} from "./closed-streams.ts";
import { ERROR, errorName, FIRST_WINDOW, FLAG, FRAME, MAX_31_BITS, PREFACE } from "./codes.ts";
import {
  DATA_BEGINS,
  DATA_ENDS,
  DATA_PIECE,
  FRAME_COMPLETE,
  FRAME_FAULT,
  FrameReader,
  NEED_MORE,
} from "./frame-reader.ts";
import {
  writeGoaway,
  writePing,
  writeRstStream,
  writeSettings,
  writeSettingsAck,
  writeWindowUpdate,
} from "./frame-writer.ts";
import { HeaderBlock } from "./header-block.ts";
import { HpackDecoder } from "./hpack/decoder.ts";
import { readPriority, readUint31 } from "./payloads.ts";
import { HEAD_MALFORMED, HEAD_READ, HEAD_UNREADABLE, RequestReader } from "./request-reader.ts";
import { CONNECTION_WINDOW, MAX_STREAMS, OWN_SETTINGS, PeerSettings } from "./settings.ts";
import type { StreamState } from "./stream-state.ts";
import { TrailerReader } from "./trailer-reader.ts";

/** The size of the table that we decode with: what every peer may count on. */
const TABLE_SIZE = 4096;
/** What a block may stand for when it is decoded, bytes: far beyond what is read of it. */
const BOMB = 16 * MAX_HEAD;
/** Windows are opened again when half of them is used. */
const STREAM_CREDIT: number = FIRST_WINDOW >> 1;
const CONNECTION_CREDIT: number = CONNECTION_WINDOW >> 1;

/** Where frames go. */
export interface FrameOutput {
  /** What is written to it is sent, behind all that was sent before. To be asked for anew for every frame. */
  readonly writer: ByteWriter;
}

/** Told what has arrived. Every call may lead to calls of the session. */
export interface SessionUser<S extends StreamState> {
  /** Makes the record of a new stream; its head is read next. */
  openStream(id: number, sendWindow: number): S;
  /** A request's head is complete; so is the request if `stream.remoteClosed`. */
  onRequest(stream: S): void;
  /** A head was read that has to be answered with a failure. */
  onRefused(stream: S, code: FailureCode, detail: string): void;
  /** A head was malformed: the stream has been reset, and never was a request. */
  onMalformed(stream: S, detail: string): void;
  /** `start` to `end` of the bytes being fed are data. `credit` says that they were taken. */
  onStreamData(stream: S, start: number, end: number): void;
  onStreamEnd(stream: S, trailers: HeaderList | null): void;
  /** The stream is gone: the client has reset it, or has broken the rules so that it was reset. */
  onStreamLost(stream: S, code: FailureCode, detail: string): void;
  /** More may be sent, on one stream or on all. */
  onWindow(): void;
  /** A `ping` was answered. */
  onPong(): void;
  /** The connection is at fault: GOAWAY is written, nothing more is read. `abuse`: it was too much of something. */
  onFault(detail: string, abuse: Abuse | null): void;
}

/** See the head of this file. */
export class ServerSession<S extends StreamState> {
  /** Streams that are not closed. */
  readonly streams: Map<number, S> = new Map();
  /** Bytes of DATA that the client takes on all streams together. */
  sendWindow: number = FIRST_WINDOW;
  readonly peer: PeerSettings = new PeerSettings();
  readonly abuse: AbuseWatch = new AbuseWatch();
  /** Nothing is read any more. */
  over = false;
  readonly #user: SessionUser<S>;
  readonly #output: FrameOutput;
  readonly #frames: FrameReader = new FrameReader();
  readonly #decoder: HpackDecoder = new HpackDecoder(TABLE_SIZE);
  readonly #requests: RequestReader = new RequestReader();
  readonly #trailers: TrailerReader = new TrailerReader();
  readonly #block: HeaderBlock = new HeaderBlock();
  readonly #closed: ClosedStreams = new ClosedStreams();
  #prefaceLeft: number = PREFACE.length;
  #settingsSeen = false;
  /** The highest stream that was opened. */
  #lastStream = 0;
  /** Streams above are not taken any more. */
  #lastTaken = MAX_31_BITS;
  #receiveWindow = CONNECTION_WINDOW;
  #credit = 0;
  /** The stream of the DATA frame that is being read; null: nobody wants its data. */
  #dataStream: S | null = null;
  #dataSeen = false;
  #now = 0;

  constructor(user: SessionUser<S>, output: FrameOutput) {
    this.#user = user;
    this.#output = output;
  }

  /** Says what every connection begins with. */
  begin(): void {
    const writer = this.#output.writer;
    writeSettings(writer, OWN_SETTINGS);
    writeWindowUpdate(writer, 0, CONNECTION_WINDOW - FIRST_WINDOW);
  }

  /** No frame is half read, and no stream is open. */
  get idle(): boolean {
    return this.streams.size === 0 && !this.#frames.amid && !this.#block.open;
  }

  /** No further stream is taken. */
  get closing(): boolean {
    return this.#lastTaken !== MAX_31_BITS;
  }

  // ── reading ─────────────────────────────────────────────────────────────────────────────────────────

  /** Takes in bytes, `now` in milliseconds. */
  feed(bytes: Uint8Array, start: number, end: number, now: number): void {
    this.#now = now;
    const frames = this.#frames;
    let at = this.#prefaceLeft > 0 ? this.#readPreface(bytes, start, end) : start;
    while (!this.over) {
      const event = frames.next(bytes, at, end);
      at = frames.position;
      switch (event) {
        case NEED_MORE:
          return;
        case FRAME_COMPLETE:
          this.#onFrame();
          break;
        case DATA_BEGINS:
          this.#onDataBegins();
          break;
        case DATA_PIECE:
          this.#onDataPiece(frames.start, frames.end);
          break;
        case DATA_ENDS:
          this.#onDataEnds();
          break;
        case FRAME_FAULT:
          this.fail(frames.fault, frames.detail);
      }
    }
  }

  #readPreface(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end && this.#prefaceLeft > 0) {
      if (bytes[at++] !== PREFACE[PREFACE.length - this.#prefaceLeft--]) {
        this.fail(ERROR.protocolError, "no preface");
        return end;
      }
    }
    return at;
  }

  /** Ends the connection. */
  fail(code: number, detail: string, abuse: Abuse | null = null): void {
    if (this.over) return;
    this.over = true;
    writeGoaway(this.#output.writer, this.#lastStream, code, detail);
    this.#user.onFault(`${errorName(code)}: ${detail}`, abuse);
  }

  /** One more of a kind of abuse; false: it was the last, and the connection is over. */
  spend(kind: Abuse): boolean {
    if (this.abuse.note(kind, this.#now)) return true;
    this.fail(ERROR.enhanceYourCalm, kind, kind);
    return false;
  }

  #onFrame(): void {
    const { type, stream, length } = this.#frames;
    if (this.#block.open && (type !== FRAME.continuation || stream !== this.#block.stream)) {
      return this.fail(ERROR.protocolError, "frame inside a header block");
    }
    if (!this.#settingsSeen && type !== FRAME.settings) {
      return this.fail(ERROR.protocolError, "first frame is not SETTINGS");
    }
    switch (type) {
      case FRAME.headers:
        return this.#onHeaders();
      case FRAME.continuation:
        return this.#onContinuation();
      case FRAME.priority:
        return this.#onPriority(stream, length);
      case FRAME.rstStream:
        return this.#onRstStream(stream, length);
      case FRAME.settings:
        return this.#onSettings(stream, length);
      case FRAME.pushPromise:
        return this.fail(ERROR.protocolError, "PUSH_PROMISE of a client");
      case FRAME.ping:
        return this.#onPing(stream, length);
      case FRAME.goaway:
        if (stream !== 0) return this.fail(ERROR.protocolError, "GOAWAY on a stream");
        if (length < 8) return this.fail(ERROR.frameSizeError, "GOAWAY too short");
        return this.#onControl();
      case FRAME.windowUpdate:
        return this.#onWindowUpdate(stream, length);
      case FRAME.priorityUpdate:
        return this.#onPriorityUpdate(stream, length);
      default:
        return this.#onControl();
    }
  }

  #onControl(): void {
    this.spend("control_flood");
  }

  // ── DATA ────────────────────────────────────────────────────────────────────────────────────────────

  #onDataBegins(): void {
    const { stream: id, length } = this.#frames;
    this.#dataStream = null;
    this.#dataSeen = false;
    if (this.#block.open) return this.fail(ERROR.protocolError, "frame inside a header block");
    if (!this.#settingsSeen) {
      return this.fail(ERROR.protocolError, "first frame is not SETTINGS");
    }
    if (id === 0) return this.fail(ERROR.protocolError, "DATA on stream 0");
    this.#receiveWindow -= length;
    if (this.#receiveWindow < 0) return this.fail(ERROR.flowControlError, "connection window");
    const stream = this.streams.get(id);
    // What nobody takes gives its part of the connection's window back at once, like everything else.
    this.#creditConnection(length);
    if (stream === undefined) return this.#onStray(id, "DATA");
    if (stream.remoteClosed) {
      return this.#streamFault(stream, ERROR.streamClosed, "DATA behind the end");
    }
    stream.receiveWindow -= length;
    if (stream.receiveWindow < 0) {
      return this.#streamFault(stream, ERROR.flowControlError, "stream window");
    }
    this.#dataStream = stream;
  }

  #onDataPiece(start: number, end: number): void {
    const stream = this.#dataStream;
    if (stream === null || stream.closed) return;
    const count = end - start;
    this.#dataSeen = true;
    if (stream.bodyLeft >= 0) {
      if (count > stream.bodyLeft) {
        return this.#streamFault(stream, ERROR.protocolError, "DATA beyond Content-Length");
      }
      stream.bodyLeft -= count;
    }
    this.#user.onStreamData(stream, start, end);
  }

  #onDataEnds(): void {
    const { flags, length, stream: id } = this.#frames;
    const stream = this.#dataStream;
    const ends = (flags & FLAG.endStream) !== 0;
    if (!this.#dataSeen && !ends && stream !== null && !this.spend("empty_data_flood")) return;
    this.abuse.excuse("ping_flood", 1);
    if (stream === null || stream.closed) return;
    // Padding is taken by nobody else.
    if ((flags & FLAG.padded) !== 0) this.credit(stream, length - this.#frames.dataLength);
    if (ends && this.streams.get(id) === stream) this.#endOfRequest(stream, null);
  }

  #endOfRequest(stream: S, trailers: HeaderList | null): void {
    if (stream.bodyLeft > 0) {
      return this.#streamFault(stream, ERROR.protocolError, "DATA short of Content-Length");
    }
    stream.remoteClosed = true;
    this.#user.onStreamEnd(stream, trailers);
  }

  /** Bytes of a stream's body were taken: its window opens again. */
  credit(stream: S, bytes: number): void {
    stream.credit += bytes;
    if (stream.credit < STREAM_CREDIT || stream.remoteClosed || stream.closed) return;
    stream.receiveWindow += stream.credit;
    writeWindowUpdate(this.#output.writer, stream.id, stream.credit);
    stream.credit = 0;
  }

  #creditConnection(bytes: number): void {
    this.#credit += bytes;
    if (this.#credit < CONNECTION_CREDIT) return;
    this.#receiveWindow += this.#credit;
    writeWindowUpdate(this.#output.writer, 0, this.#credit);
    this.#credit = 0;
  }

  /** DATA or HEADERS of a stream that is not open. */
  #onStray(id: number, what: string): void {
    if (id > this.#lastTaken) return;
    if (id > this.#lastStream) return this.fail(ERROR.protocolError, `${what} on an idle stream`);
    switch (this.#closed.howClosed(id)) {
      case RESET_BY_US:
        // It was under way.
        return;
      case RESET_BY_CLIENT:
        this.#reset(id, ERROR.streamClosed);
        this.spend("provoked_resets");
        return;
      case ENDED:
        return this.fail(ERROR.streamClosed, `${what} on a closed stream`);
      case NEVER_OPEN:
        return this.fail(ERROR.protocolError, `${what} on a stream that was passed over`);
    }
  }

  // ── HEADERS ─────────────────────────────────────────────────────────────────────────────────────────

  #onHeaders(): void {
    const { stream: id, flags, payload } = this.#frames;
    let { start, end } = this.#frames;
    if (id === 0) return this.fail(ERROR.protocolError, "HEADERS on stream 0");
    if ((flags & FLAG.padded) !== 0) {
      if (start === end) return this.fail(ERROR.frameSizeError, "no pad length");
      end -= payload[start++]!;
    }
    let dependsOnItself = false;
    if ((flags & FLAG.priority) !== 0) {
      if (end - start < 5) return this.fail(ERROR.frameSizeError, "HEADERS too short");
      dependsOnItself = readUint31(payload, start) === id;
      start += 5;
    }
    if (start > end) return this.fail(ERROR.protocolError, "padding too long");
    if ((id & 1) === 0) return this.fail(ERROR.protocolError, "even stream of a client");
    const endStream = (flags & FLAG.endStream) !== 0;
    const block = this.#block;
    if ((flags & FLAG.endHeaders) !== 0) {
      return this.#onBlock(id, endStream, dependsOnItself, payload, start, end);
    }
    block.begin(id, endStream, dependsOnItself);
    block.add(payload, start, end);
  }

  #onContinuation(): void {
    const { flags, payload, start, end } = this.#frames;
    const block = this.#block;
    if (!block.open) return this.fail(ERROR.protocolError, "CONTINUATION without HEADERS");
    const last = (flags & FLAG.endHeaders) !== 0;
    if (!block.add(payload, start, end) || (start === end && !last)) {
      return this.fail(ERROR.enhanceYourCalm, "continuation_flood", "continuation_flood");
    }
    if (!last) return;
    const { bytes, length, stream, endStream, dependsOnItself } = block;
    block.close();
    this.#onBlock(stream, endStream, dependsOnItself, bytes, 0, length);
  }

  #onBlock(
    id: number,
    endStream: boolean,
    dependsOnItself: boolean,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    const stream = this.streams.get(id);
    if (stream !== undefined) return this.#onTrailers(stream, endStream, bytes, start, end);
    const isNew = id > this.#lastStream;
    if (!isNew || id > this.#lastTaken) {
      // The table is of the connection: what nobody wants to know is decoded all the same.
      if (this.#trailers.read(this.#decoder, bytes, start, end) === null) this.#unreadable();
      else this.#onStray(id, "HEADERS");
      return;
    }
    this.#lastStream = id;
    this.#onNewStream(id, endStream, dependsOnItself, bytes, start, end);
  }

  #onNewStream(
    id: number,
    endStream: boolean,
    dependsOnItself: boolean,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    if (this.streams.size >= MAX_STREAMS) {
      if (this.#trailers.read(this.#decoder, bytes, start, end) === null) return this.#unreadable();
      this.#reset(id, ERROR.refusedStream);
      this.spend("stream_flood");
      return;
    }
    const requests = this.#requests;
    const stream = this.#user.openStream(id, this.peer.initialWindow);
    const { request } = stream;
    const answer = requests.read(this.#decoder, bytes, start, end, request, endStream);
    if (answer === HEAD_UNREADABLE) return this.#unreadable();
    if (this.#decoder.expanded > BOMB) {
      return this.fail(ERROR.enhanceYourCalm, "hpack_bomb", "hpack_bomb");
    }
    if (answer === HEAD_MALFORMED || dependsOnItself) {
      stream.closed = true;
      this.#reset(id, ERROR.protocolError);
      const { detail } = requests;
      this.#user.onMalformed(stream, dependsOnItself ? "stream depends on itself" : detail);
      this.spend("provoked_resets");
      return;
    }
    stream.remoteClosed = endStream;
    this.streams.set(id, stream);
    this.abuse.excuse("control_flood", 4);
    if (answer === HEAD_READ) {
      stream.bodyLeft = request.connects ? -1 : request.contentLength;
      stream.urgency = requests.urgency;
      this.#user.onRequest(stream);
      return;
    }
    const { fault, detail } = requests;
    if (fault === "request_head_too_large" && !this.spend("large_heads")) return;
    this.#user.onRefused(stream, fault, detail);
  }

  #unreadable(): void {
    this.fail(ERROR.compressionError, this.#decoder.detail);
  }

  #onTrailers(stream: S, endStream: boolean, bytes: Uint8Array, start: number, end: number): void {
    const trailers = this.#trailers.read(this.#decoder, bytes, start, end);
    if (trailers === null) return this.#unreadable();
    if (stream.remoteClosed) {
      return this.#streamFault(stream, ERROR.streamClosed, "HEADERS behind the end");
    }
    if (!endStream) {
      return this.#streamFault(stream, ERROR.protocolError, "trailers without the end");
    }
    const { flaw } = this.#trailers;
    if (flaw !== "") return this.#streamFault(stream, ERROR.protocolError, flaw);
    this.#endOfRequest(stream, trailers);
  }

  // ── the other frames ────────────────────────────────────────────────────────────────────────────────

  #onPriority(id: number, length: number): void {
    if (id === 0) return this.fail(ERROR.protocolError, "PRIORITY on stream 0");
    const { payload, start } = this.#frames;
    if (length !== 5) this.#frameFault(id, ERROR.frameSizeError);
    else if (readUint31(payload, start) === id) this.#frameFault(id, ERROR.protocolError);
    else this.#onControl();
  }

  /** A frame that is at fault for its stream alone, whether that is open or not. */
  #frameFault(id: number, code: number): void {
    const stream = this.streams.get(id);
    if (stream !== undefined) return this.#streamFault(stream, code, "PRIORITY");
    this.#reset(id, code);
    this.spend("provoked_resets");
  }

  #onPriorityUpdate(id: number, length: number): void {
    if (id !== 0) return this.fail(ERROR.protocolError, "PRIORITY_UPDATE on a stream");
    if (length < 4) return this.fail(ERROR.frameSizeError, "PRIORITY_UPDATE too short");
    const { payload, start, end } = this.#frames;
    const stream = this.streams.get(readUint31(payload, start));
    if (stream !== undefined) stream.urgency = readPriority(payload, start + 4, end);
    this.#onControl();
  }

  #onRstStream(id: number, length: number): void {
    if (id === 0) return this.fail(ERROR.protocolError, "RST_STREAM on stream 0");
    if (length !== 4) return this.fail(ERROR.frameSizeError, "RST_STREAM of another size");
    const stream = this.streams.get(id);
    if (stream === undefined) {
      if (id > this.#lastStream && id <= this.#lastTaken) {
        return this.fail(ERROR.protocolError, "RST_STREAM on an idle stream");
      }
      return this.#onControl();
    }
    const { payload, start } = this.#frames;
    const code = readUint31(payload, start);
    this.#close(stream, RESET_BY_CLIENT);
    this.#user.onStreamLost(stream, "client_gone", errorName(code));
    this.spend("rapid_resets");
  }

  #onSettings(id: number, length: number): void {
    if (id !== 0) return this.fail(ERROR.protocolError, "SETTINGS on a stream");
    const { flags, payload, start, end } = this.#frames;
    if ((flags & FLAG.ack) !== 0) {
      if (length > 0) return this.fail(ERROR.frameSizeError, "SETTINGS ACK with settings");
      if (!this.#settingsSeen) return this.fail(ERROR.protocolError, "first frame is an ACK");
      return this.#onControl();
    }
    if (length % 6 !== 0) return this.fail(ERROR.frameSizeError, "SETTINGS of another size");
    this.#settingsSeen = true;
    const { peer } = this;
    const before = peer.initialWindow;
    const code = peer.read(payload, start, end);
    if (code !== ERROR.noError) return this.fail(code, peer.detail);
    writeSettingsAck(this.#output.writer);
    if (!this.spend("settings_flood")) return;
    if (peer.initialWindow === before) return;
    for (const stream of this.streams.values()) {
      stream.sendWindow += peer.initialWindow - before;
      if (stream.sendWindow > MAX_31_BITS) {
        return this.fail(ERROR.flowControlError, "window too large");
      }
    }
    this.#user.onWindow();
  }

  #onPing(id: number, length: number): void {
    if (id !== 0) return this.fail(ERROR.protocolError, "PING on a stream");
    if (length !== 8) return this.fail(ERROR.frameSizeError, "PING of another size");
    const { flags, payload, start } = this.#frames;
    if ((flags & FLAG.ack) !== 0) {
      this.#onControl();
      return this.#user.onPong();
    }
    if (!this.spend("ping_flood")) return;
    writePing(this.#output.writer, true, payload, start);
  }

  #onWindowUpdate(id: number, length: number): void {
    if (length !== 4) return this.fail(ERROR.frameSizeError, "WINDOW_UPDATE of another size");
    const { payload, start } = this.#frames;
    const increment = readUint31(payload, start);
    if (!this.spend("control_flood")) return;
    if (id === 0) {
      if (increment === 0) return this.fail(ERROR.protocolError, "WINDOW_UPDATE of nothing");
      this.sendWindow += increment;
      if (this.sendWindow > MAX_31_BITS) {
        return this.fail(ERROR.flowControlError, "window too large");
      }
      return this.#user.onWindow();
    }
    const stream = this.streams.get(id);
    if (stream === undefined) {
      if (id > this.#lastStream && id <= this.#lastTaken) {
        this.fail(ERROR.protocolError, "WINDOW_UPDATE on an idle stream");
      }
      return;
    }
    if (increment === 0) {
      return this.#streamFault(stream, ERROR.protocolError, "WINDOW_UPDATE of nothing");
    }
    stream.sendWindow += increment;
    if (stream.sendWindow > MAX_31_BITS) {
      return this.#streamFault(stream, ERROR.flowControlError, "window too large");
    }
    this.#user.onWindow();
  }

  // ── streams ─────────────────────────────────────────────────────────────────────────────────────────

  /** Our side of a stream has ended: END_STREAM is written. What the client still sends is not wanted. */
  ended(stream: S): void {
    if (stream.closed) return;
    this.abuse.excuse("rapid_resets", 0.5);
    if (stream.remoteClosed) return this.#close(stream, ENDED);
    this.reset(stream, ERROR.noError);
  }

  /** Resets a stream. */
  reset(stream: S, code: number): void {
    if (stream.closed) return;
    this.#close(stream, NEVER_OPEN);
    this.#reset(stream.id, code);
  }

  #close(stream: S, how: 0 | 1 | 2 | 3): void {
    stream.closed = true;
    this.streams.delete(stream.id);
    if (how !== NEVER_OPEN) this.#closed.add(stream.id, how);
  }

  #reset(id: number, code: number): void {
    this.#closed.add(id, RESET_BY_US);
    writeRstStream(this.#output.writer, id, code);
  }

  #streamFault(stream: S, code: number, detail: string): void {
    this.reset(stream, code);
    this.#user.onStreamLost(stream, "request_body_malformed", `${errorName(code)}: ${detail}`);
    this.spend("provoked_resets");
  }

  // ── the end ─────────────────────────────────────────────────────────────────────────────────────────

  /** Says that the end is near, and that what is under way will still be taken (RFC 9113 §6.8). */
  announceEnd(): void {
    const writer = this.#output.writer;
    writeGoaway(writer, MAX_31_BITS, ERROR.noError, "");
    writePing(writer, false, DRAIN_PING, 0);
  }

  /** No further stream is taken. */
  goaway(): void {
    if (this.over || this.closing) return;
    this.#lastTaken = this.#lastStream;
    writeGoaway(this.#output.writer, this.#lastStream, ERROR.noError, "");
  }
}

const DRAIN_PING: Uint8Array = new Uint8Array(8);
