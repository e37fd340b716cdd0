/**
 * Answers that the proxy makes itself: the page for a failure, with its code, a sentence that helps and
 * `Proxy-Status` (RFC 9209), in the form that the client prefers.
 */

import { FAILURES, type FailureCode } from "#core/errors.ts";
import type { HeaderList } from "#core/http/header-list.ts";
import { ResponseHead } from "#core/http/message.ts";
import { REASONS } from "#core/http/reasons.ts";
import type { LocalResponse } from "#sdk/filter.ts";
import { addMissingDate } from "./response-fields.ts";

const ENCODER: InstanceType<typeof TextEncoder> = new TextEncoder();

/** An answer, ready to be sent. */
export interface LocalReply {
  readonly head: ResponseHead;
  readonly body: Uint8Array;
}

/** What the page for a failure needs to know. */
export interface FailureContext {
  readonly code: FailureCode;
  readonly requestId: string;
  /** Fields of the request, for `Accept`. */
  readonly headers: HeaderList;
  /** Epoch milliseconds. */
  readonly wall: number;
  /** What `Proxy-Status` calls this instance. */
  readonly instance: string;
}

/** The page for a failure. */
export function failureReply(context: FailureContext): LocalReply {
  const { code, requestId } = context;
  const meaning = FAILURES[code];
  const status = meaning.status === 0 ? 502 : meaning.status;
  const head = localHead(status);
  addMissingDate(head, context.wall);
  const { type, text } = page(context, status);
  const body = ENCODER.encode(text);
  head.headers.appendUnchecked("Content-Type", type);
  head.headers.appendUnchecked("Cache-Control", "no-store");
  head.headers.appendUnchecked("X-Content-Type-Options", "nosniff");
  head.headers.appendUnchecked(
    "Proxy-Status",
    `${context.instance}; error=${meaning.proxyStatus}; details="${code}"`,
  );
  if (requestId !== "") head.headers.appendUnchecked("X-Request-Id", requestId);
  if (status === 503) head.headers.appendUnchecked("Retry-After", "1");
  if (status === 405) head.headers.appendUnchecked("Allow", ALLOWED);
  setLength(head, body.length);
  return { head, body };
}

const ALLOWED = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, QUERY";

/** The answer of a filter. @throws TypeError on a status or field that may not be sent */
export function filterReply(response: LocalResponse, wall: number): LocalReply {
  if (!Number.isInteger(response.status) || response.status < 200 || response.status > 599) {
    throw new TypeError(
      `a filter answered with status ${response.status}; it has to be 200 to 599`,
    );
  }
  const head = localHead(response.status);
  for (const [name, value] of Object.entries(response.headers ?? {})) {
    for (const one of typeof value === "string" ? [value] : value) head.headers.append(name, one);
  }
  head.headers.delete("content-length");
  head.headers.delete("transfer-encoding");
  addMissingDate(head, wall);
  const body =
    typeof response.body === "string"
      ? ENCODER.encode(response.body)
      : (response.body ?? new Uint8Array(0));
  if (typeof response.body === "string" && !head.headers.has("content-type")) {
    head.headers.appendUnchecked("Content-Type", "text/plain; charset=utf-8");
  }
  setLength(head, body.length);
  return { head, body };
}

function localHead(status: number): ResponseHead {
  const head = new ResponseHead();
  head.status = status;
  head.reason = REASONS[status] ?? "";
  return head;
}

function setLength(head: ResponseHead, length: number): void {
  head.framing = "length";
  head.contentLength = length;
}

function page(context: FailureContext, status: number): { type: string; text: string } {
  const { code, requestId } = context;
  const { sentence } = FAILURES[code];
  const reason = REASONS[status] ?? "";
  const accept = context.headers.get("accept") ?? "";
  const json = weightOf("application/json", accept);
  const asHtml = weightOf("text/html", accept);
  if (json > 0 && json >= asHtml) {
    const text = `${JSON.stringify({ status, code, message: sentence, requestId })}\n`;
    return { type: "application/json", text };
  }
  if (asHtml > 0) {
    return {
      type: "text/html; charset=utf-8",
      text: html(status, reason, code, sentence, requestId),
    };
  }
  const id = requestId === "" ? "" : `request ${requestId}\n`;
  return {
    type: "text/plain; charset=utf-8",
    text: `${status} ${reason}\n${code}: ${sentence}\n${id}`,
  };
}

/** How much the client wants a type that it names (RFC 9110 §12.4.2); ranges such as `*\/*` name none. */
function weightOf(type: string, accept: string): number {
  for (const member of accept.toLowerCase().split(",")) {
    const [name, ...parameters] = member.split(";").map((part) => part.trim());
    if (name !== type) continue;
    const weight = parameters.find((parameter) => parameter.startsWith("q="));
    return weight === undefined ? 1 : Number(weight.slice(2)) || 0;
  }
  return 0;
}

// Every part is a constant of the program but the id, which has no character that means anything in HTML.
function html(status: number, reason: string, code: string, sentence: string, id: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${status} ${reason}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:40em;margin:15vh auto;padding:0 1em;color:#222;background:#fff}
code{background:#eee;padding:.1em .3em;border-radius:3px}small{color:#666}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#1b1b1b}code{background:#333}small{color:#999}}</style></head>
<body><h1>${status} ${reason}</h1><p>${sentence.replaceAll("&", "&amp;").replaceAll("<", "&lt;")}</p>
<p><small>Code <code>${code}</code>${id === "" ? "" : `, request <code>${id}</code>`}</small></p></body></html>
`;
}
