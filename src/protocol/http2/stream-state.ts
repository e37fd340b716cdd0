/** One stream as the protocol sees it (RFC 9113 §5.1). */

import type { RequestHead } from "#core/http/message.ts";
import { FIRST_WINDOW } from "./codes.ts";
import { DEFAULT_URGENCY } from "./payloads.ts";

/** What a session keeps of a stream that is not closed. */
export abstract class StreamState {
  readonly id: number;
  abstract readonly request: RequestHead;
  /** Bytes of DATA that the client takes; negative after its settings have shrunk it. */
  sendWindow: number;
  /** Bytes of DATA that the client may still send. */
  receiveWindow: number = FIRST_WINDOW;
  /** Bytes that were taken and not yet told to the client. */
  credit = 0;
  /** The client has ended its side. */
  remoteClosed = false;
  /** Nothing more is sent: END_STREAM or RST_STREAM has gone out, or RST_STREAM has come in. */
  closed = false;
  /** Bytes of the body that have not come; -1: nobody knows. */
  bodyLeft = -1;
  /** RFC 9218: 0 is the most urgent. */
  urgency: number = DEFAULT_URGENCY;

  constructor(id: number, sendWindow: number) {
    this.id = id;
    this.sendWindow = sendWindow;
  }
}
