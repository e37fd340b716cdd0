import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ListenerTlsData, UpstreamTlsData } from "#model/tls.ts";
import { type Issued, issue } from "./certificates.fixture.ts";
import { idleRules } from "./idle-rules.ts";
import { peerProblems } from "./peers.ts";
import { certificate, listenerTls, policy } from "./serve/serve.fixture.ts";

const ca: Issued = issue({ by: null, authority: true });
const client: Issued = issue({ by: ca });
const stranger: Issued = issue({ by: ca });
const BROKEN = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

function listener(tls: Partial<ListenerTlsData>) {
  return {
    id: "one",
    address: { kind: "tcp", host: "", port: 443 },
    tls: listenerTls(tls),
    redirectPort: null,
  } as const;
}

function upstream(tls: Partial<UpstreamTlsData>): never {
  const data = {
    verify: true,
    ca: null,
    serverName: null,
    minVersion: "TLSv1.2",
    certificate: null,
  };
  return { name: "app", tls: { ...data, ...tls } } as never;
}

describe("what a configuration says of peers", () => {
  it("is refused if it cannot be read, with the option that names it", () => {
    const asks = (bundle: string, crl: string | null = null) => ({
      ...policy("asks"),
      clientCertificates: { mode: "require", ca: bundle, crl } as const,
    });
    const listeners = [
      listener({ policies: [asks(ca.pem)] }),
      listener({
        policies: [
          asks(BROKEN),
          asks(ca.pem + BROKEN, BROKEN.replaceAll("CERTIFICATE", "X509 CRL")),
        ],
        policyNames: [["admin.test", 1]],
      }),
    ];
    const upstreams = [
      upstream({ ca: ca.pem, certificate: { chain: client.pem, key: client.key } }),
      upstream({ ca: "cut", certificate: { chain: client.pem, key: stranger.key } }),
      upstream({ certificate: { chain: client.pem, key: "none" } }),
    ];
    const found = peerProblems({ listeners, upstreams });
    const expected = [
      /^listen\[1\]\.tls\.clientCertificates\.ca: certificate 1 of 1 cannot be read/,
      /^listen\[1\]\.tls\.names\["admin\.test"\]\.clientCertificates\.ca: certificate 2 of 2 cannot/,
      /^listen\[1\]\.tls\.names\["admin\.test"\]\.clientCertificates\.crl: revocation list 1 of 1/,
      /^upstreams\.app\.tls\.ca: it holds no whole certificate/,
      /^upstreams\.app\.tls: `cert` and `key` belong to different certificates/,
      /^upstreams\.app\.tls\.key: the private key cannot be read/,
    ];
    assert.equal(found.length, expected.length, found.join("\n"));
    for (const [index, pattern] of expected.entries()) assert.match(found[index]!, pattern);
  });
});

describe("rules for names", () => {
  const listeners = (tls: Partial<ListenerTlsData>) => [listener(tls)];
  const certificates = [certificate("a", ["a.test", "*.b.test"])];

  it("are said to be idle where no certificate is made out to the name", () => {
    const names = ["a.test", "x.b.test", "*.b.test", "c.test", "y.x.b.test", "*.c.test"];
    const found = idleRules(
      listeners({ policyNames: names.map((name) => [name, 0] as const), fallback: "d.test" }),
      certificates,
    );
    assert.deepEqual(
      found.map((sentence) => sentence.slice(0, sentence.indexOf(":"))),
      [
        "listen[0].tls.default",
        'listen[0].tls.names["c.test"]',
        'listen[0].tls.names["y.x.b.test"]',
        'listen[0].tls.names["*.c.test"]',
      ],
    );
  });

  it("are not idle where a certificate is", () => {
    assert.deepEqual(idleRules(listeners({ fallback: "x.b.test" }), certificates), []);
  });
});
