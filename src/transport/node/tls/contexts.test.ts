import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tls from "node:tls";
import { certificates } from "../../certificates.fixture.ts";
import { PROFILE } from "../../tls-stage.fixture.ts";
import type { Security } from "../../tls.ts";
import { NodeClientContext } from "./client.ts";
import { setTicketKeyCallback } from "./internals.ts";
import { blocksOf, checkPair } from "./pem.ts";

const SECURITY: Security = {
  version: "TLSv1.3",
  cipher: "",
  protocol: "",
  serverName: null,
  resumed: false,
  peerCertificate: null,
  peerChain: [],
};

function makeClient(): NodeClientContext {
  const { root } = certificates();
  return new NodeClientContext({
    profile: PROFILE,
    ca: root,
    certificate: null,
    verify: true,
    alpn: [],
  });
}

describe("sessions with backends", () => {
  it("are remembered of the 256 backends that were used last", () => {
    const context = makeClient();
    const remember = (name: string): void =>
      context.remember(name, { session: Buffer.from(name), security: SECURITY });
    for (let i = 0; i < 256; i++) remember(`backend ${i}`);
    remember("backend 0");
    for (let i = 256; i < 300; i++) remember(`backend ${i}`);
    const known = Array.from({ length: 300 }, (_, i) => context.recall(`backend ${i}`));
    assert.equal(known.filter((each) => each !== undefined).length, 256);
    assert.equal(String(known[0]?.session), "backend 0");
    assert.equal(known[1], undefined);
    assert.equal(String(known[299]?.session), "backend 299");
  });

  it("are forgotten with their context, which takes no more", () => {
    const context = makeClient();
    context.remember("one", { session: Buffer.from("1"), security: SECURITY });
    context.release();
    context.remember("two", { session: Buffer.from("2"), security: SECURITY });
    assert.equal(context.recall("one"), undefined);
    assert.equal(context.recall("two"), undefined);
  });
});

describe("what Node.js has no public name for", () => {
  it("decides with which key a ticket is sealed", () => {
    assert.ok(
      setTicketKeyCallback(tls.createSecureContext(), () => assert.fail("nobody has asked")),
    );
  });
});

describe("PEM", () => {
  it("is read block by block, with comments between them", () => {
    const { ecdsa } = certificates();
    const text = `Subject: one\n${ecdsa.chain}\nmore\n${ecdsa.key}`;
    assert.equal(blocksOf(text, "CERTIFICATE").length, 2);
    assert.equal(blocksOf(text, "PRIVATE KEY").length, 1);
    assert.equal(blocksOf(text, "X509 CRL").length, 0);
  });

  it("of a pair says which part of it is wrong", () => {
    const { ecdsa, rsa } = certificates();
    assert.equal(checkPair(ecdsa, "certificate pair"), "ec");
    assert.equal(checkPair(rsa, "certificate pair"), "rsa");
    assert.throws(() => checkPair({ ...ecdsa, key: rsa.key }, "certificate pair 2"), {
      message:
        "the key of the certificate pair 2 does not belong to its certificate (O=Tests, CN=proxy.test)",
    });
    assert.throws(() => checkPair({ ...ecdsa, chain: "" }, "certificate pair"), {
      message: "the chain of the certificate pair has no certificate in PEM",
    });
    const broken = ecdsa.chain.replace("MII", "AAA");
    assert.throws(
      () => checkPair({ ...ecdsa, chain: broken }, "certificate pair"),
      /certificate 1 cannot be read/,
    );
  });
});
