/** The reader of hellos and OpenSSL, side by side. We may be stricter, but must never understand anything else. */

import assert from "node:assert/strict";
import { readHello } from "#protocol/tls-hello/hello.fixture.ts";
import { askOpenssl } from "./openssl.ts";

/** Which of the two took it. */
export type Agreement = "both" | "openssl only" | "reader only" | "neither";

/**
 * Holds that both mean the same hello, or the reader refuses. What OpenSSL says of a hello that it then refuses counts
 * too: by that time a certificate has been chosen.
 *
 * @throws AssertionError
 */
export async function compareWithOpenssl(bytes: Uint8Array): Promise<Agreement> {
  const ours = readHello(bytes);
  const theirs = await askOpenssl(bytes);
  const accepts = theirs.answer === "hello";
  if (ours.progress === "need-more") {
    assert.equal(accepts, false, "OpenSSL has a hello where the reader waits");
    assert.equal(theirs.serverName, false, "OpenSSL has a name where the reader waits");
    assert.equal(theirs.protocols, null, "OpenSSL has protocols where the reader waits");
    return "neither";
  }
  if (ours.progress === "fault") return accepts ? "openssl only" : "neither";

  assert.notEqual(theirs.answer, "nothing", "OpenSSL waits where the reader has a hello");
  const named = theirs.serverName !== false;
  if (named || accepts) assert.equal(named ? theirs.serverName : null, ours.sentName);
  const protocols = ours.protocols.map((name) => asNodeSays(name));
  if (theirs.protocols !== null || accepts) assert.deepEqual(theirs.protocols ?? [], protocols);
  return accepts ? "both" : "reader only";
}

/** Node.js gives its ALPNCallback names without their highest bits (`toString("ascii")`). */
function asNodeSays(name: string): string {
  return Buffer.from(name, "latin1").toString("ascii");
}
