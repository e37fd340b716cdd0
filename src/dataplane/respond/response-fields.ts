/** What becomes of a backend's head on its way to the client: fields of the connection go, `Via` is added. */

import { dropNominated } from "#core/http/hop-by-hop.ts";
import { HEADER } from "#core/http/header-names.ts";
import type { BodyFraming, ResponseHead } from "#core/http/message.ts";

/** Edits the fields of a backend's answer, final or interim. The serializer leaves hop-by-hop fields out. */
export function prepareResponseFields(head: ResponseHead, instance: string): void {
  dropNominated(head.headers);
  head.headers.appendUnchecked("Via", `1.${head.version === 10 ? 0 : 1} ${instance}`);
}

/** How the end of the answer's body is told to a client of that HTTP version. */
export function clientFraming(head: ResponseHead, method: string, version: number): BodyFraming {
  if (method === "HEAD" || head.status === 204 || head.status === 304) return "none";
  if (head.framing === "none" || head.framing === "length") return head.framing;
  return version === 10 ? "close" : "chunked";
}

/** Bytes that the backend announced: also for answers to HEAD and 304, which have no body; -1 if it did not. */
export function announcedLength(head: ResponseHead): number {
  if (head.contentLength >= 0) return head.contentLength;
  const index = head.headers.indexOf(HEADER["content-length"]);
  const value = index < 0 ? "" : head.headers.valueAt(index);
  return /^\d{1,15}$/.test(value) ? Number(value) : -1;
}
