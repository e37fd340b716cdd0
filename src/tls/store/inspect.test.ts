import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { rootCertificates } from "node:tls";

import fc from "fast-check";

import { missing, requireProgram } from "../../../test/harness/requires.ts";
import { MUST_STAPLE, access, hierarchy, issue } from "../certificates.fixture.ts";
import { extension } from "../x509/builder.ts";
import { OID } from "../x509/certificate.ts";
import { oid, sequence } from "../x509/der.ts";
import { type Inspected, inspectPair } from "./inspect.ts";
import { readPem } from "./pem.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function good(cert: string | Uint8Array, key: string | Uint8Array): Inspected {
  const found = inspectPair(raw(cert), raw(key));
  assert.ok(found.ok, found.ok ? "" : found.fault.message);
  return found.value;
}

function bad(cert: string | Uint8Array, key: string | Uint8Array): string {
  const found = inspectPair(raw(cert), raw(key));
  assert.ok(!found.ok);
  const { about, message, hint } = found.fault;
  return `${about} ${message} (${hint ?? ""})`;
}

function raw(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? bytes(value) : value;
}

function openssl(...args: readonly string[]): void {
  execFileSync(requireProgram("openssl"), args, { stdio: ["ignore", "ignore", "ignore"] });
}

function folder(t: TestContext): string {
  const place = mkdtempSync(join(tmpdir(), "sluice-inspect-"));
  t.after(() => rmSync(place, { recursive: true, force: true }));
  return place;
}

const NAMES = ["example.com", "*.Example.COM", "10.0.0.1", "2001:db8::1"];

test("names come in the form in which hosts are compared, addresses included", () => {
  const { leaf, middle } = hierarchy(NAMES);
  const { certificate, warnings } = good(leaf.pem + middle.pem, leaf.key);
  assert.deepEqual(certificate.names, ["example.com", "*.example.com", "10.0.0.1", "2001:db8::1"]);
  assert.equal(certificate.issuer, "Test Middle");
  assert.equal(certificate.keyType, "ec");
  assert.equal(certificate.isPublic, false);
  assert.match(certificate.fingerprint, /^[0-9a-f]{64}$/);
  assert.deepEqual(warnings, []);
});

test("a chain in the wrong order, with its root and a stranger, is put right and said", () => {
  const { leaf, middle, root } = hierarchy(NAMES);
  const stranger = issue({ by: null, names: ["elsewhere.example"] });
  const straight = good(leaf.pem + middle.pem + root.pem, leaf.key);
  assert.deepEqual(straight.warnings, []);
  assert.equal(straight.certificate.chain, leaf.pem + middle.pem, "the root is not served");
  const { certificate, warnings } = good(root.pem + stranger.pem + middle.pem + leaf.pem, leaf.key);
  assert.equal(certificate.chain, leaf.pem + middle.pem);
  assert.match(warnings.join("\n"), /another order/);
  assert.match(warnings.join("\n"), /1 certificate that is no part of the chain/);
});

for (const [kind, dress] of [
  ["Windows line breaks", (text: string) => text.replaceAll("\n", "\r\n")],
  ["a byte order mark", (text: string) => `\u{feff}${text}`],
  ["texts between the blocks", (text: string) => `subject=/CN=x\n\n${text}\nThe end.\n`],
  ["blanks at the ends of lines", (text: string) => text.replaceAll("\n", "  \n")],
] as const) {
  test(`files with ${kind} are read`, () => {
    const { leaf, middle } = hierarchy(NAMES);
    const { certificate } = good(dress(leaf.pem + middle.pem), dress(leaf.key));
    assert.equal(certificate.chain, leaf.pem + middle.pem);
  });
}

test("files that an editor saved as UTF-16 are read", () => {
  const { leaf } = hierarchy(NAMES);
  const wide = (text: string): Uint8Array => Buffer.from(`\u{feff}${text}`, "utf16le");
  assert.deepEqual(good(wide(leaf.pem), wide(leaf.key)).certificate.names.length, 4);
});

test("certificate and key may be in one file, and DER is read as well", () => {
  const { leaf } = hierarchy(NAMES);
  const both = leaf.key + leaf.pem;
  assert.equal(good(both, both).certificate.chain, leaf.pem);
  const der = leaf.privateKey.export({ type: "pkcs8", format: "der" });
  const { certificate } = good(leaf.raw, der);
  assert.equal(certificate.chain, leaf.pem);
  assert.equal(certificate.key, leaf.key);
  const sec1 = leaf.privateKey.export({ type: "sec1", format: "der" });
  assert.equal(good(leaf.raw, sec1).certificate.key, leaf.key);
});

test("of several keys in a file that of the certificate is taken", () => {
  const { leaf } = hierarchy(NAMES);
  const other = issue({ by: null, names: ["x.example"] });
  assert.equal(good(leaf.pem, other.key + leaf.key).certificate.key, leaf.key);
});

test(
  "a key with its EC PARAMETERS before it, as openssl writes it, is read",
  { skip: missing("openssl") },
  (t) => {
    const place = folder(t);
    const key = join(place, "key.pem");
    const cert = join(place, "cert.pem");
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-out", key);
    openssl(
      "req",
      "-x509",
      "-key",
      key,
      "-subj",
      "/CN=a",
      "-addext",
      "subjectAltName=DNS:a.example",
      "-out",
      cert,
    );
    assert.match(readFileSync(key, "utf8"), /EC PARAMETERS/);
    const { certificate } = good(readFileSync(cert), readFileSync(key));
    assert.deepEqual(certificate.names, ["a.example"]);
  },
);

test("RSA and Ed25519 keys are told apart; short ones and odd curves are refused", () => {
  const self = (key: "rsa" | "rsa1024" | "ed25519" | "secp256k1") =>
    issue({ by: hierarchy([]).root, names: ["a.example"], key });
  const rsa = self("rsa");
  assert.equal(good(rsa.pem, rsa.key).certificate.keyType, "rsa");
  const edwards = self("ed25519");
  assert.equal(good(edwards.pem, edwards.key).certificate.keyType, "ed25519");
  const short = self("rsa1024");
  assert.match(bad(short.pem, short.key), /^key is an RSA key of 1024 bits/);
  const odd = self("secp256k1");
  assert.match(bad(odd.pem, odd.key), /^key is a key on the curve secp256k1/);
});

test(
  "a certificate signed with SHA-1 is served with a warning",
  { skip: missing("openssl") },
  (t) => {
    const place = folder(t);
    const [key, cert] = [join(place, "key.pem"), join(place, "cert.pem")];
    const [caKey, ca] = [join(place, "ca-key.pem"), join(place, "ca.pem")];
    openssl(
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-keyout",
      caKey,
      "-subj",
      "/CN=ca",
      "-out",
      ca,
    );
    openssl(
      "req",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-keyout",
      key,
      "-subj",
      "/CN=a.example",
      "-out",
      `${cert}.req`,
    );
    openssl(
      "x509",
      "-req",
      "-in",
      `${cert}.req`,
      "-CA",
      ca,
      "-CAkey",
      caKey,
      "-CAcreateserial",
      "-sha1",
      "-out",
      cert,
    );
    assert.match(
      good(readFileSync(cert), readFileSync(key)).warnings.join(),
      /is signed with SHA-1/,
    );
  },
);

test("a pair that does not belong together is an error about both", () => {
  const { leaf } = hierarchy(NAMES);
  assert.match(bad(leaf.pem, hierarchy(NAMES).leaf.key), /^pair belong to different certificates/);
});

test(
  "each thing that is no certificate or key is named, with what to do",
  { skip: missing("openssl") },
  (t) => {
    const place = folder(t);
    const { leaf } = hierarchy(NAMES);
    const path = (name: string): string => join(place, name);
    writeFileSync(path("cert.pem"), leaf.pem);
    writeFileSync(path("key.pem"), leaf.key);
    openssl(
      "pkey",
      "-in",
      path("key.pem"),
      "-aes256",
      "-passout",
      "pass:secret",
      "-out",
      path("encrypted.pem"),
    );
    openssl(
      "ec",
      "-in",
      path("key.pem"),
      "-aes128",
      "-passout",
      "pass:secret",
      "-out",
      path("old.pem"),
    );
    openssl(
      "pkcs12",
      "-export",
      "-inkey",
      path("key.pem"),
      "-in",
      path("cert.pem"),
      "-passout",
      "pass:",
      "-out",
      path("pair.p12"),
    );
    openssl("req", "-new", "-key", path("key.pem"), "-subj", "/CN=a", "-out", path("request.pem"));
    openssl("crl2pkcs7", "-nocrl", "-certfile", path("cert.pem"), "-out", path("chain.p7b"));
    openssl("x509", "-in", path("cert.pem"), "-trustout", "-out", path("trusted.pem"));
    openssl("pkey", "-in", path("key.pem"), "-pubout", "-out", path("public.pem"));
    const read = (name: string): Uint8Array => readFileSync(path(name));

    assert.match(bad(leaf.pem, read("encrypted.pem")), /^key is encrypted .*openssl pkey/);
    assert.match(bad(leaf.pem, read("old.pem")), /^key is encrypted/);
    assert.match(
      bad(read("pair.p12"), read("pair.p12")),
      /^cert is a PKCS#12 file .*openssl pkcs12/,
    );
    assert.match(bad(leaf.pem, read("pair.p12")), /^key is a PKCS#12 file/);
    assert.match(bad(read("request.pem"), leaf.key), /^cert holds a request/);
    assert.match(bad(read("chain.p7b"), leaf.key), /^cert .*PKCS#7.*openssl pkcs7/);
    assert.match(bad(read("trusted.pem"), leaf.key), /^cert .*openssl x509/);
    assert.match(bad(leaf.pem, read("public.pem")), /^key holds a public key/);
    assert.match(bad(leaf.key, leaf.pem), /^cert holds a private key .*wrong way round/);
    assert.match(bad(leaf.pem, leaf.pem), /^key holds a certificate .*wrong way round/);
    assert.match(bad("", leaf.key), /^cert is empty/);
    assert.match(bad(leaf.pem, ""), /^key is empty/);
    assert.match(bad("hello", leaf.key), /^cert holds no certificate/);
    assert.match(bad(leaf.pem, "hello"), /^key holds no private key/);
    assert.match(bad(leaf.pem.slice(0, 200), leaf.key), /^cert ends in the middle/);
    assert.match(bad(leaf.pem + leaf.pem.slice(0, 200), leaf.key), /^cert ends in the middle/);
    assert.match(bad(leaf.pem, leaf.key.slice(0, 60)), /^key ends in the middle/);
    assert.match(bad(Uint8Array.of(0x30, 0x82, 1, 2, 3), leaf.key), /^cert holds neither PEM/);
    const damaged = leaf.pem.replace(/\n[A-Za-z0-9+/]{10}/, "\nAAAAAAAAAA");
    assert.match(bad(damaged, leaf.key), /^cert holds a certificate that cannot be read/);
  },
);

test("without alternative names the common name serves, with a warning; without both nothing does", () => {
  const { root } = hierarchy([]);
  const named = issue({ by: root, commonName: "Old.Example", names: null });
  const { certificate, warnings } = good(named.pem, named.key);
  assert.deepEqual(certificate.names, ["old.example"]);
  assert.match(warnings.join(), /common name only/);
  const none = issue({ by: root, commonName: "Not a host", names: null });
  assert.match(bad(none.pem, none.key), /^cert is made out to no host name/);
  const odd = issue({ by: root, commonName: "a.example", names: ["f*o.example"] });
  assert.match(bad(odd.pem, odd.key), /no host name/, "the common name counts only without others");
});

test("a missing intermediate is noticed where its issuer says where it can be had", () => {
  const { leaf, middle } = hierarchy(["a.example"], {
    extensions: [access(OID.caIssuers, "http://ca.example/middle.crt")],
  });
  const warning = /append the one from http:\/\/ca\.example\/middle\.crt/;
  assert.match(good(leaf.pem, leaf.key).warnings.join(), warning);
  assert.deepEqual(good(leaf.pem + middle.pem, leaf.key).warnings, []);
});

test("a certificate that is not for servers is served with a warning", () => {
  const { leaf } = hierarchy(["a.example"], {
    extensions: [extension(OID.extKeyUsage, sequence(oid("1.3.6.1.5.5.7.3.2")))],
  });
  assert.match(good(leaf.pem, leaf.key).warnings.join(), /not meant for servers/);
});

test("the responder and the promise of an answer are found", () => {
  const { leaf, middle } = hierarchy(["a.example"], {
    extensions: [access(OID.ocsp, "http://ocsp.example/"), MUST_STAPLE],
  });
  const { revocation } = good(leaf.pem + middle.pem, leaf.key);
  assert.equal(revocation.responder, "http://ocsp.example/");
  assert.equal(revocation.mustStaple, true);
  assert.deepEqual(revocation.issuer, Buffer.from(middle.raw));
});

test("public is what leads to a root of Mozilla's list, by signature and not by name", async () => {
  const { X509Certificate } = await import("node:crypto");
  const { isUnderRoot } = await import("./roots.ts");
  const real = new X509Certificate(rootCertificates[0] ?? "");
  assert.equal(isUnderRoot(real), true);
  const commonName = /^CN=(.*)$/m.exec(real.subject)?.[1] ?? "";
  const fake = issue({ by: null, commonName, authority: true });
  assert.equal(isUnderRoot(new X509Certificate(fake.pem)), false);
});

test("no bytes make it throw", () => {
  const { leaf } = hierarchy(NAMES);
  const mutated = fc
    .tuple(fc.constantFrom(leaf.raw, bytes(leaf.pem), bytes(leaf.key)), fc.nat(), fc.nat(255))
    .map(([source, at, byte]) => {
      const copy = Uint8Array.from(source);
      copy[at % copy.length] = byte;
      return copy;
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), mutated), (input) => {
      inspectPair(input, bytes(leaf.key));
      inspectPair(bytes(leaf.pem), input);
      readPem(new TextDecoder().decode(input));
    }),
    { numRuns: 300 },
  );
});
