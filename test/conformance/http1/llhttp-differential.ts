/**
 * Compares our reading of a wire with llhttp's. We may be stricter, never looser: whatever we take for a
 * complete message, llhttp takes for the same one.
 *
 * Exceptions, each because llhttp refuses something that is well formed and reads the same to everybody:
 * - methods that it does not know: any token is a method (RFC 9110, 9.1);
 * - HTTP/1.2 to 1.9, which are to be read as 1.1 (RFC 9110, 2.5);
 * - HTAB behind the value of a framing field, which is no part of the value (RFC 9110, 5.5);
 * - framing fields among trailers, which we drop and never pass on;
 * - malformed framing fields on 1xx and 204, where they frame nothing and are dropped.
 */

import assert from "node:assert/strict";
import type { BodyFraming } from "#core/http/message.ts";
import { readRequests, readResponses } from "#protocol/http1/feed.fixture.ts";
import { llhttpMethods, llhttpRequests, llhttpResponses } from "./llhttp.ts";

/** @throws AssertionError where we take what llhttp does not, or take it for something else */
export function compareRequests(wire: Uint8Array): void {
  const ours = readRequests(wire);
  const theirs = llhttpRequests(wire);
  for (const [index, request] of ours.requests.entries()) {
    if (!request.complete) return;
    // Named exceptions; what stands behind cannot be compared either.
    if (!llhttpMethods.has(request.method) || isExcepted(wire, request)) return;
    const other = theirs.messages[index];
    const where = `request ${index + 1}: llhttp says ${theirs.error}`;
    assert(other !== undefined, where);
    // It hands an upgrade over at the end of the head, where we still read the body that was announced.
    if (other.upgrade) return;
    assert(other.complete, where);
    assert.equal(other.method, request.method, where);
    assert.equal(other.body, request.body, where);
    assert(other.url.endsWith(request.target) || request.target === "*" || request.target === "/");
    assert.deepEqual(
      other.fields.slice(0, request.fields.length * 2).map(trimmed),
      request.fields.flat().map(trimmed),
    );
    // It takes no further request on a connection that is to be closed; here the owner sees to that.
    if (!request.keepAlive) return;
  }
}

/** The same for the responses to requests of these methods. */
export function compareResponses(wire: Uint8Array, methods: readonly string[]): void {
  const ours = readResponses(
    wire,
    methods.map((method) => ({ method })),
  );
  const theirs = llhttpResponses(wire, methods);
  for (const [index, response] of ours.responses.entries()) {
    if (!response.complete || isExcepted(wire, response)) return;
    const other = theirs.messages[index];
    const where = `response ${index + 1}: llhttp says ${theirs.error}`;
    assert(other !== undefined, where);
    if (other.upgrade) return;
    assert(other.complete, where);
    assert.equal(other.status, response.status, where);
    assert.equal(other.body, response.body, where);
    if (response.status >= 200 && !response.keepAlive) return;
  }
}

function trimmed(text: string): string {
  return text.replaceAll(/^[ \t]+|[ \t]+$/g, "");
}

function isExcepted(wire: Uint8Array, message: { framing: BodyFraming; status?: number }): boolean {
  const text = Buffer.from(wire).toString("latin1");
  const { status = 200 } = message;
  return (
    ((status < 200 || status === 204) && /transfer-encoding|content-length/i.test(text)) ||
    /HTTP\/1\.[2-9]/.test(text) ||
    /^(?:transfer-encoding|content-length):[^\r]*\t[ \t]*\r/im.test(text) ||
    (message.framing === "chunked" &&
      /\r\n0+[^\r]*\r\n(?:[^\r]+\r\n)*(?:transfer-encoding|content-length):/i.test(text))
  );
}
