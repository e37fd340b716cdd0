import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { sliceOf } from "#core/bytes/slice.ts";
import { certificates, HOST } from "../../certificates.fixture.ts";
import { PROFILE } from "../../tls-stage.fixture.ts";
import { foreseeable, explain } from "../unavailable.ts";
import { OpenSsl, openSsl } from "./openssl.ts";
import { readCertificates, readKey } from "./pem.ts";
import { Ssl } from "./ssl.ts";
import { SslContext } from "./ssl-context.ts";

const skip = foreseeable() === null ? false : "needs io_uring";
const all = certificates();
const name = { sni: null, identity: HOST };

function clientContext(): SslContext {
  const context = SslContext.client([]);
  context.setProfile(PROFILE);
  return context;
}

describe("the OpenSSL of the Node.js binary", { skip }, () => {
  it("is of version 3, and has all that is called", () => {
    assert.match(openSsl().name, /^OpenSSL 3\.\d+\.\d+/);
  });

  it("that lacks a function is not used, and the reason names it", () => {
    const load = (definition: string): unknown => {
      if (definition.includes(" SSL_new(")) throw new Error("Cannot find function");
      return definition.includes("OpenSSL_version(") ? () => "OpenSSL 3.0.0" : () => 0x30000000;
    };
    assert.throws(
      () => new OpenSsl(load),
      (error) => {
        assert.match(explain(error).reason, /does not export SSL_new/);
        assert.doesNotMatch(explain(error).help, /bug report/);
        return true;
      },
    );
  });

  it("that is of another version is not used, and the reason names it", () => {
    const load = (definition: string): unknown =>
      definition.includes("OpenSSL_version(")
        ? () => "OpenSSL 1.1.1w  11 Sep 2023"
        : () => 0x101010;
    assert.throws(
      () => new OpenSsl(load),
      (error) => /has OpenSSL 1\.1\.1w/.test(explain(error).reason),
    );
  });

  it("reads bundles whose files were joined without a line between them", () => {
    const joined = all.root.trimEnd() + all.clientRoot.trimEnd();
    const { call } = openSsl();
    const found = readCertificates(openSsl(), joined);
    assert.equal(found.length, 2);
    for (const each of found) call.X509_free(each);
  });

  it("says of which entry of a bundle it cannot be read", () => {
    const spoilt = all.root.replace(/^MII/m, "AAAA");
    assert.throws(() => readCertificates(openSsl(), all.clientRoot + spoilt), /entry 2/);
  });

  it("asks nobody for the passphrase of a key", () => {
    const pem =
      "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIBAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    assert.throws(() => readKey(openSsl(), pem), /is encrypted/);
  });
});

describe("an SSL", { skip }, () => {
  it("is freed once, and cannot be used afterwards", () => {
    const context = clientContext();
    const ssl = Ssl.connect(context, name, null);
    assert.equal(context.connections, 1);
    ssl.free();
    ssl.free();
    assert.equal(context.connections, 0);
    for (const call of [
      () => ssl.handshake(),
      () => ssl.read(sliceOf(Buffer.alloc(9)), 0),
      () => ssl.security(),
      () => ssl.session(),
      () => ssl.shutdown(),
      () => ssl.established(),
      () => ssl.written(),
      () => ssl.feed(sliceOf(Buffer.alloc(9)), 0, 9),
      () => ssl.take(sliceOf(Buffer.alloc(9)), 0),
    ]) {
      assert.throws(call, /has been freed/);
    }
    context.release();
  });

  it("reads and writes within its slices only", () => {
    const context = clientContext();
    const ssl = Ssl.connect(context, name, null);
    const slice = sliceOf(Buffer.alloc(10));
    assert.throws(() => ssl.feed(slice, 0, 11), RangeError);
    assert.throws(() => ssl.feed(slice, 8, 3), RangeError);
    assert.throws(() => ssl.feed(slice, -1, 3), RangeError);
    assert.throws(() => ssl.read(slice, 10), RangeError);
    assert.throws(() => ssl.read(slice, -1), RangeError);
    assert.throws(() => ssl.take(slice, 10), RangeError);
    ssl.free();
    context.release();
  });

  it("is not made for a name that OpenSSL would take for any, or any below", () => {
    const context = clientContext();
    for (const identity of ["", ".proxy.test", "proxy.test\0.evil"]) {
      assert.throws(() => Ssl.connect(context, { sni: null, identity }, null), /nobody can prove/);
    }
    assert.equal(context.connections, 0);
    context.release();
    context.release();
    assert.throws(() => Ssl.connect(context, name, null), /released/);
  });
});
