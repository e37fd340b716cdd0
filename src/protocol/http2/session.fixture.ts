/** A session that is fed bytes in pieces, and what it made of them as text. */

import { ByteWriter } from "#core/bytes/writer.ts";
import { RequestHead } from "#core/http/message.ts";
import { ServerSession, type SessionUser } from "./server-session.ts";
import { StreamState } from "./stream-state.ts";

class PlainStream extends StreamState {
  readonly request: RequestHead = new RequestHead();
}

/** What happened, in order, and what was written. */
export interface SessionLog {
  readonly events: string[];
  readonly written: Buffer;
  /** Streams that are open at the end. */
  readonly open: number;
}

/**
 * Feeds a session. Requests are answered when they are complete if `answers`; bodies are taken at once.
 *
 * @param cuts where the bytes are split
 */
export function runSession(
  bytes: Uint8Array,
  cuts: readonly number[] = [],
  answers = true,
): SessionLog {
  const events: string[] = [];
  const writer = new ByteWriter();
  let piece = bytes;
  /** Data of one frame is told in as many pieces as it came in. */
  const data = (id: number, text: string): void => {
    const last = events.length - 1;
    const head = `data ${id} `;
    if (events[last]?.startsWith(head) === true) events[last] += text;
    else events.push(head + text);
  };
  const finish = (stream: PlainStream): void => {
    if (answers) session.ended(stream);
  };
  const user: SessionUser<PlainStream> = {
    openStream: (id, window) => new PlainStream(id, window),
    onRequest: (stream) => {
      const { method, target, authority, framing, contentLength, headers } = stream.request;
      const fields = [...headers].map(([name, value]) => `${name}=${value}`).join("&");
      events.push(
        `request ${stream.id} ${method} ${target} ${authority} ${framing} ${contentLength} ${fields}`,
      );
      if (stream.remoteClosed) finish(stream);
    },
    onRefused: (stream, code) => {
      events.push(`refused ${stream.id} ${code}`);
      finish(stream);
    },
    onMalformed: (stream, detail) => events.push(`malformed ${stream.id} ${detail}`),
    onStreamData: (stream, start, end) => {
      data(stream.id, Buffer.from(piece.subarray(start, end)).toString("latin1"));
      session.credit(stream, end - start);
    },
    onStreamEnd: (stream, trailers) => {
      events.push(`end ${stream.id} ${trailers === null ? "" : [...trailers].join()}`);
      finish(stream);
    },
    onStreamLost: (stream, code, detail) => events.push(`lost ${stream.id} ${code} ${detail}`),
    onWindow: () => undefined,
    onPong: () => events.push("pong"),
    onFault: (detail, abuse) => events.push(`fault ${detail} ${abuse ?? ""}`),
  };
  const session = new ServerSession<PlainStream>(user, { writer });
  session.begin();
  let from = 0;
  for (const to of [...new Set(cuts)].sort((a, b) => a - b).concat(bytes.length)) {
    if (to < from || to > bytes.length) continue;
    // Not at the beginning of its buffer, and overwritten when it has been read, as slices of a pool are.
    piece = new Uint8Array(to - from + 10).fill(0x58);
    piece.set(bytes.subarray(from, to), 3);
    session.feed(piece, 3, 3 + to - from, 0);
    piece.fill(0xaa);
    from = to;
  }
  return { events, written: Buffer.from(writer.view()), open: session.streams.size };
}
