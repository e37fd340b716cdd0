import assert from "node:assert/strict";
import { test } from "node:test";
import { loadText } from "./testing/stand-ins.ts";

const REST = `listen: { address: ":443", tls: auto }
upstreams: { app: 3000 }
routes: [{ match: example.com, to: app }]
`;

test("acme: the word `staging` is enough, and nothing at all is Let's Encrypt", async (t) => {
  const directoryOf = async (acme: string): Promise<unknown> => {
    const result = await loadText(t, `${REST}${acme}`);
    assert.ok(result.ok, JSON.stringify(result));
    assert.deepEqual(result.warnings, []);
    return result.config.acme.issuers.map(({ name, directory }) => [name, new URL(directory).host]);
  };
  assert.deepEqual(await directoryOf(""), [["letsencrypt", "acme-v02.api.letsencrypt.org"]]);
  assert.deepEqual(await directoryOf("acme: { email: a@example.com }"), [
    ["letsencrypt", "acme-v02.api.letsencrypt.org"],
  ]);
  const staging = [["letsencrypt-staging", "acme-staging-v02.api.letsencrypt.org"]];
  assert.deepEqual(await directoryOf("acme: staging"), staging);
  assert.deepEqual(await directoryOf("acme: { issuer: staging }"), staging);
  assert.deepEqual(await directoryOf("acme: https://ca.example.com:9000/acme/directory"), [
    ["ca.example.com-9000-acme-directory", "ca.example.com:9000"],
  ]);
  assert.deepEqual(
    await directoryOf(
      "acme: { issuer: [letsencrypt, { url: zerossl, eab: { kid: a, key: YWJj } }] }",
    ),
    [
      ["letsencrypt", "acme-v02.api.letsencrypt.org"],
      ["zerossl", "acme.zerossl.com"],
    ],
  );
});

test("acme: what cannot work is said where it stands", async (t) => {
  for (const [acme, path, words] of [
    ["letsencrpyt", "acme", /no certificate authority `letsencrpyt`/],
    ["http://ca.example.com/dir", "acme", /no certificate authority/],
    ["zerossl", "acme", /`eab` is missing/],
    ["{ issuer: google }", "acme.issuer", /`eab` is missing/],
    ["{ email: me }", "acme.email", /`me` is no e-mail address/],
    ["{ challenges: dns-01 }", "acme.challenges", /`dns-01` needs `dns`/],
    ["{ dns: { wait: 1m } }", "acme.dns", /does not say how TXT records are made/],
    ["{ dns: { exec: a, webhook: 'https://b' } }", "acme.dns", /one way to make TXT records/],
    ["{ dns: { rfc2136: { server: 'a b' } } }", "acme.dns.rfc2136.server", /not the address/],
    ["{ issuer: { url: staging, ca: nowhere.pem } }", "acme.issuer.ca", /nowhere.pem/],
  ] as const) {
    const result = await loadText(t, `${REST}acme: ${acme}`);
    assert.ok(!result.ok, acme);
    const [found] = result.diagnostics;
    assert.equal(found?.path, path, acme);
    assert.match(found?.message ?? "", words);
  }
});

test("acme: names for which nothing can be obtained are warned about", async (t) => {
  const warnings = async (routes: string, acme = ""): Promise<unknown> => {
    const listen = 'listen: { address: ":8443", tls: auto }';
    const text = `${listen}\nupstreams: { app: 3000 }\nroutes: ${routes}\n${acme}`;
    const result = await loadText(t, text);
    assert.ok(result.ok, JSON.stringify(result));
    return result.warnings.map(({ message }) => message.split(":")[0]);
  };
  const wild = '[{ match: "*.example.com", to: app }]';
  assert.deepEqual(await warnings("[{ to: app }]"), [
    "there is nothing to obtain a certificate for",
  ]);
  assert.deepEqual(await warnings(wild), ["`*.example.com` gets no certificate"]);
  assert.deepEqual(await warnings(wild, "acme: { dns: { exec: ./hook } }"), []);
  assert.deepEqual(await warnings("[{ match: 203.0.113.7, to: app }]"), [
    "`203.0.113.7` gets no certificate",
  ]);
  assert.deepEqual(await warnings("[{ match: [localhost, 10.0.0.1], to: app }]"), []);
});
