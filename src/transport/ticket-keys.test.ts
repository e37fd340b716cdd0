import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { sessionContext, TICKET_KEY_BYTES, ticketKey } from "./ticket-keys.ts";

const SECRET = new Uint8Array(32).fill(7);
const OTHER = new Uint8Array(32).fill(8);

describe("keys of tickets", () => {
  it("are the same wherever secret and policy are", () => {
    assert.equal(ticketKey(SECRET, "a").length, TICKET_KEY_BYTES);
    assert.deepEqual(ticketKey(SECRET, "a"), ticketKey(SECRET.slice(), "a"));
  });

  it("differ, names included, when secret or policy does", () => {
    const names = [ticketKey(SECRET, "a"), ticketKey(SECRET, "b"), ticketKey(OTHER, "a")].map(
      (key) => Buffer.from(key.subarray(0, 16)).toString("hex"),
    );
    assert.equal(new Set(names).size, 3);
  });

  it("come with a session id context that OpenSSL takes and that differs with the policy", () => {
    assert.match(sessionContext("a"), /^[0-9a-f]{32}$/);
    assert.notEqual(sessionContext("a"), sessionContext("b"));
  });
});
