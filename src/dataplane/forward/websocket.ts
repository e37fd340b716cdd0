/** The part of the WebSocket handshake that a proxy has to check (RFC 6455 §4). */

import { createHash } from "node:crypto";
import type { RequestHead, ResponseHead } from "#core/http/message.ts";

/** A WebSocket upgrade is a GET without a body. */
export function isValidUpgrade(request: RequestHead): boolean {
  return (
    request.upgrade !== "websocket" || (request.method === "GET" && request.framing === "none")
  );
}

/** Has the backend agreed to this very handshake? Else its 101 could be a cached or confused one. */
export function isAccepted(request: RequestHead, response: ResponseHead): boolean {
  if (response.upgrade !== request.upgrade) return false;
  if (response.upgrade !== "websocket") return true;
  const keys = request.headers.getAll("sec-websocket-key");
  const accepts = response.headers.getAll("sec-websocket-accept");
  if (keys.length !== 1 || accepts.length !== 1) return false;
  return accepts[0] === acceptFor(keys[0]!);
}

function acceptFor(key: string): string {
  return createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
}
