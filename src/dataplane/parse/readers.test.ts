import assert from "node:assert/strict";
import { test } from "node:test";
import { Readers } from "./readers.ts";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

test("a reader that was given back has forgotten what it read", () => {
  const readers = new Readers();
  const reader = readers.take();
  const request = bytesOf(
    "POST /secret HTTP/1.1\r\nHost: a\r\nCookie: b\r\nContent-Length: 3\r\n\r\nabc",
  );
  reader.parser.next(request, 0, request.length);
  assert.equal(reader.parser.head.method, "POST");
  readers.giveBack(reader);
  const again = readers.take();
  assert.equal(again, reader, "the one used last is lent first");
  assert.equal(again.parser.head.headers.count, 0);
  assert.equal(again.parser.inHead, false);
  assert.equal(again.parser.authority, null);
  const next = bytesOf("GET / HTTP/1.1\r\nHost: b\r\n\r\n");
  again.parser.next(next, 0, next.length);
  assert.equal(again.parser.head.method, "GET");
  assert.equal(again.parser.head.headers.count, 1);
});

test("two who read at once have two, and only so many are kept", () => {
  const readers = new Readers();
  const lent = Array.from({ length: 300 }, () => readers.take());
  assert.equal(new Set(lent).size, 300);
  for (const reader of lent) readers.giveBack(reader);
  const again = Array.from({ length: 300 }, () => readers.take());
  assert.equal(again.filter((reader) => lent.includes(reader)).length, 256);
});
