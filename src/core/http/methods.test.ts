import assert from "node:assert/strict";
import { METHODS, validateHeaderName, validateHeaderValue } from "node:http";
import { test } from "node:test";
import {
  FIELD_VALUE_CHARS,
  HEX_VALUES,
  TARGET_CHARS,
  TOKEN_CHARS,
  UNRESERVED_CHARS,
} from "./chars.ts";
import { hasNoResponseBody, isIdempotent, isSafe, isToken, wellKnownMethod } from "./methods.ts";

const WELL_KNOWN = "GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH QUERY".split(" ");

function recognise(text: string): string | null {
  const bytes = new TextEncoder().encode(`  ${text} /`);
  return wellKnownMethod(bytes, 2, 2 + text.length);
}

test("methods: well-known methods are recognised in bytes, whole and in upper case", () => {
  for (const method of WELL_KNOWN) {
    assert.equal(recognise(method), method);
    assert.equal(recognise(method.toLowerCase()), null);
    assert.equal(recognise(method.slice(1)), null);
    assert.equal(recognise(`${method}S`), null);
    assert.equal(recognise(`X${method.slice(1)}`), null);
    assert.equal(recognise(`${method.slice(0, -1)}X`), null);
  }
  assert.equal(recognise(""), null);
  for (const method of METHODS) {
    if (!WELL_KNOWN.includes(method)) assert.equal(recognise(method), null, method);
  }
});

test("methods: a token has at least one character, all of them tchar", () => {
  for (const text of ["GET", "M-SEARCH", "x", "!#$%&'*+-.^_`|~09AZaz"])
    assert.ok(isToken(text), text);
  for (const text of ["", " ", "GET ", "a b", "a(b", "a/b", "a:b", 'a"', "a\0", "é", "\u0141"]) {
    assert.ok(!isToken(text), JSON.stringify(text));
  }
});

test("methods: safe and idempotent methods are those of RFC 9110, and QUERY", () => {
  const safe = WELL_KNOWN.filter((method) => isSafe(method));
  assert.deepEqual(safe.toSorted(), ["GET", "HEAD", "OPTIONS", "QUERY", "TRACE"]);
  const idempotent = WELL_KNOWN.filter((method) => isIdempotent(method));
  assert.deepEqual(idempotent.toSorted(), [...safe, "PUT", "DELETE"].toSorted());
  assert.ok(!isSafe("get") && !isIdempotent("PROPFIND"));
});

test("methods: responses that end with their head are known by method and status", () => {
  for (const status of [100, 103, 204, 304]) assert.ok(hasNoResponseBody("GET", status));
  for (const status of [200, 205, 206, 404, 502]) {
    assert.ok(!hasNoResponseBody("GET", status));
    assert.ok(hasNoResponseBody("HEAD", status));
  }
  assert.ok(hasNoResponseBody("CONNECT", 200));
  assert.ok(!hasNoResponseBody("CONNECT", 403));
});

test("chars: names and values take the bytes that Node takes", () => {
  for (let byte = 0; byte < 256; byte++) {
    const char = String.fromCharCode(byte);
    assert.equal(
      TOKEN_CHARS[byte] === 1,
      passes(() => validateHeaderName(char)),
      `name ${byte}`,
    );
    assert.equal(
      FIELD_VALUE_CHARS[byte] === 1,
      passes(() => validateHeaderValue("x", char)),
      `value ${byte}`,
    );
  }
});

test("chars: targets are visible ASCII without a fragment", () => {
  for (let byte = 0; byte < 256; byte++) {
    const expected = byte > 0x20 && byte < 0x7f && byte !== 0x23;
    assert.equal(TARGET_CHARS[byte] === 1, expected, String(byte));
  }
});

test("chars: unreserved characters and hex digits are those of RFC 3986", () => {
  for (let byte = 0; byte < 256; byte++) {
    const char = String.fromCharCode(byte);
    assert.equal(UNRESERVED_CHARS[byte] === 1, /[A-Za-z0-9._~-]/.test(char), char);
    const value = /[0-9a-fA-F]/.test(char) ? Number.parseInt(char, 16) : -1;
    assert.equal(HEX_VALUES[byte], value, char);
  }
});

function passes(check: () => void): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}
