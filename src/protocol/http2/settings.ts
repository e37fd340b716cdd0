/** SETTINGS (RFC 9113 §6.5): what we say of ourselves, and what we note of what the client says. */

import { ERROR, FIRST_WINDOW, MAX_31_BITS, MAX_FRAME, SETTING } from "./codes.ts";
import { MAX_HEAD } from "../http1/limits.ts";

/** Streams that a client may have open at a time. */
export const MAX_STREAMS = 128;
/** Bytes of all bodies together that may be under way: the windows of the streams are what holds a client back. */
export const CONNECTION_WINDOW: number = 1024 * 1024;

/** What is said at the beginning of every connection. */
export const OWN_SETTINGS: readonly (readonly [id: number, value: number])[] = [
  [SETTING.maxConcurrentStreams, MAX_STREAMS],
  [SETTING.maxHeaderListSize, MAX_HEAD],
  [SETTING.enableConnectProtocol, 1],
  [SETTING.noRfc7540Priorities, 1],
];

const LARGEST_FRAME_SIZE = 0xff_ffff;

/** What the client has said. */
export class PeerSettings {
  /** Bytes of DATA that it takes on a new stream. */
  initialWindow: number = FIRST_WINDOW;
  /** It has said something of its header table: ours, which is never used, has to be given up in so many words. */
  tableChanged = false;
  /** After a fault. */
  detail = "";

  /** Takes in one payload; an error code if it is not one. */
  read(payload: Uint8Array, start: number, end: number): number {
    for (let at = start; at < end; at += 6) {
      const id = (payload[at]! << 8) | payload[at + 1]!;
      const value =
        payload[at + 2]! * 0x100_0000 +
        ((payload[at + 3]! << 16) | (payload[at + 4]! << 8) | payload[at + 5]!);
      const code = this.#set(id, value);
      if (code !== ERROR.noError) {
        this.detail = `setting ${id} of ${value}`;
        return code;
      }
    }
    return ERROR.noError;
  }

  #set(id: number, value: number): number {
    switch (id) {
      case SETTING.headerTableSize:
        this.tableChanged = true;
        return ERROR.noError;
      case SETTING.enablePush:
      case SETTING.enableConnectProtocol:
      case SETTING.noRfc7540Priorities:
        return value > 1 ? ERROR.protocolError : ERROR.noError;
      case SETTING.initialWindowSize:
        if (value > MAX_31_BITS) return ERROR.flowControlError;
        this.initialWindow = value;
        return ERROR.noError;
      case SETTING.maxFrameSize:
        // Frames of the least size that everyone takes are sent: they keep streams from waiting for each other.
        return value < MAX_FRAME || value > LARGEST_FRAME_SIZE
          ? ERROR.protocolError
          : ERROR.noError;
      default:
        return ERROR.noError;
    }
  }
}
