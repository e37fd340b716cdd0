import assert from "node:assert/strict";
import { test } from "node:test";
import { ResponseHead, type BodyFraming } from "#core/http/message.ts";
import {
  addMissingDate,
  announcedLength,
  clientFraming,
  prepareResponseFields,
} from "./response-fields.ts";

function head(status: number, framing: BodyFraming, contentLength = -1): ResponseHead {
  const made = new ResponseHead();
  Object.assign(made, { status, framing, contentLength });
  return made;
}

test("the framing towards the client follows method, status and version", () => {
  const rows: [ResponseHead, string, number, BodyFraming, number][] = [
    [head(200, "length", 5), "GET", 11, "length", 5],
    [head(200, "length", 5), "GET", 10, "length", 5],
    [head(200, "chunked"), "GET", 11, "chunked", -1],
    [head(200, "chunked"), "GET", 10, "close", -1],
    [head(200, "close"), "GET", 11, "chunked", -1],
    [head(200, "close"), "GET", 10, "close", -1],
    [head(200, "none", 5), "HEAD", 11, "none", 5],
    [head(200, "none"), "HEAD", 11, "none", -1],
    [head(304, "none", 5), "GET", 11, "none", 5],
    [head(204, "none"), "GET", 11, "none", -1],
    // A filter has changed the status.
    [head(204, "length", 5), "GET", 11, "none", 5],
    [head(304, "chunked"), "GET", 11, "none", -1],
    [head(200, "none"), "GET", 11, "length", 0],
    [head(200, "none", 99), "GET", 10, "length", 0],
  ];
  for (const [response, method, version, framing, length] of rows) {
    const row = `${response.status} ${response.framing} ${method} ${version}`;
    assert.equal(clientFraming(response, method, version), framing, row);
    assert.equal(announcedLength(response, framing), length, row);
  }
});

test("what an answer's Connection names goes, Via comes, and a date only where there is none", () => {
  const response = head(200, "length", 0);
  const { headers } = response;
  headers.append("X-Hop", "1");
  headers.append("Set-Cookie", "a=1");
  headers.append("Via", "1.1 other");
  headers.append("Connection", "close, X-Hop, via");
  prepareResponseFields(response, "sluice-1");
  assert.equal(headers.has("x-hop"), false);
  assert.equal(headers.get("via"), "1.1 sluice-1");
  addMissingDate(response, 0);
  addMissingDate(response, 1e12);
  assert.equal(headers.get("date"), "Thu, 01 Jan 1970 00:00:00 GMT");
});
