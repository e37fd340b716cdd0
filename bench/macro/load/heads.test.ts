import assert from "node:assert/strict";
import { test } from "node:test";
import { browserHeads, postRequest } from "./heads.ts";

const heads = browserHeads(2000);

test("heads are the same in every run", () => {
  assert.deepEqual(browserHeads(2000), heads);
});

test("no head is there twice, and targets and cookies vary", () => {
  assert.equal(new Set(heads).size, heads.length);
  const part = (pattern: RegExp): number =>
    new Set(heads.map((head) => pattern.exec(head)?.[0])).size;
  assert.ok(part(/^GET \S+/) > 1900);
  assert.equal(part(/^Cookie: .*$/m), heads.length);
  assert.ok(part(/^Referer: .*$/m) > 1900);
});

test("every head has 16 fields and about 800 bytes", () => {
  for (const head of heads) {
    const [requestLine, ...fields] = head.slice(0, -4).split("\r\n");
    assert.match(requestLine ?? "", /^GET \/\S+ HTTP\/1\.1$/);
    assert.equal(fields.length, 16);
    assert.ok(fields.every((field) => /^[\w-]+: \S/.test(field)));
    assert.ok(head.length > 700 && head.length < 950, `${head.length} bytes`);
  }
});

test("a prefix stands before the path", () => {
  const [first = "", second = ""] = browserHeads(2, (index) => `/service-${index}`);
  assert.match(first, /^GET \/service-0\//);
  assert.match(second, /^GET \/service-1\//);
});

test("a body is as long as its head says", () => {
  const [head = "", body = ""] = postRequest("/sink", 300).split("\r\n\r\n");
  assert.match(head, /^Content-Length: 300$/m);
  assert.equal(body.length, 300);
});
