/** Client certificates, and requests for one name on a connection that was opened for another. */

import assert from "node:assert/strict";
import { answering, response } from "../../harness/origin.ts";
import { scene } from "../../harness/scene.ts";
import {
  HOST,
  type Certificates,
  PLAIN_POLICY,
  certificateData,
  certificatePolicy,
  certificates,
  connectSecurely,
  refusal,
  secured,
} from "../../harness/tls.ts";
import { statusOf, valuesOf } from "../../harness/wire.ts";

const ADMIN = "admin.wild.test";
const OPEN = HOST;

/** A listener whose admin name demands a certificate. */
async function guarded(): Promise<Awaited<ReturnType<typeof secured>>> {
  return secured({
    policies: [PLAIN_POLICY, certificatePolicy(certificates())],
    policyNames: [[ADMIN, 1]],
    passThrough: [["db.wild.test", "app"]],
  });
}

/** What clients see of a certificate that is not good. */
const REFUSED = /ERR_SSL|ECONNRESET|alert|^closed/;

const ask = (host: string, target = "/"): string =>
  `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

const shows = ({ client }: Certificates): { cert: string; key: string } => ({
  cert: client.chain,
  key: client.key,
});

scene(
  "a name that demands a certificate is reached with one, and the backend is told which",
  guarded,
  async ({ proxy, origin }) => {
    const all = certificates();
    const client = await connectSecurely(proxy.port, { servername: ADMIN, ...shows(all) });
    client.send(
      `GET / HTTP/1.1\r\nHost: ${ADMIN}\r\nClient-Cert: :bWU=:\r\nClient_Cert: :bWU=:\r\n\r\n`,
    );
    const backend = await origin.connection();
    const head = await backend.readHead();
    const leaf = /-----BEGIN CERTIFICATE-----\n([^-]+)-----END/.exec(all.client.chain)![1]!;
    assert.deepEqual(valuesOf(head, "client-cert"), [`:${leaf.replaceAll("\n", "")}:`]);
    assert.deepEqual(valuesOf(head, "client_cert"), []);
    backend.send(response("200 OK", "in"));
    assert.equal(statusOf(await client.readResponse()), 200);
    client.socket.destroy();
  },
);

scene(
  "without a certificate, or with a bad one, nobody is let in",
  guarded,
  async ({ proxy, origin }) => {
    const all = certificates();
    const pairs = [undefined, all.foreignClient, all.expiredClient];
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
      for (const pair of pairs) {
        const options = {
          servername: ADMIN,
          maxVersion,
          ...(pair === undefined ? {} : { cert: pair.chain, key: pair.key }),
        };
        assert.match(await refusal(proxy.port, options), REFUSED);
      }
    }
    assert.equal(origin.accepted, 0);
  },
);

scene(
  "a connection that was opened for another name is answered 421, and goes on",
  async () => ({ ...(await guarded()), script: answering(response("200 OK", "x")) }),
  async ({ proxy }) => {
    const all = certificates();
    const open = await connectSecurely(proxy.port);
    const status = async (text: string): Promise<number> => {
      open.send(text);
      return statusOf(await open.readResponse());
    };
    assert.equal(await status(ask(OPEN)), 200);
    for (const host of [ADMIN, ADMIN.toUpperCase(), `${ADMIN}.`, `${ADMIN}:443`, "db.wild.test"]) {
      assert.equal(await status(ask(host)), 421, host);
    }
    assert.equal(await status(`GET https://${ADMIN}/ HTTP/1.1\r\nHost: ${ADMIN}\r\n\r\n`), 421);
    assert.equal(await status(ask("a.wild.test")), 200);

    // And the other way round: a certificate for one name is none for all.
    const admin = await connectSecurely(proxy.port, { servername: ADMIN, ...shows(all) });
    admin.send(ask(OPEN));
    assert.equal(statusOf(await admin.readResponse()), 421);
    admin.send(ask(ADMIN));
    assert.equal(statusOf(await admin.readResponse()), 200);
    for (const wire of [open, admin]) wire.socket.destroy();
  },
);

scene(
  "a client that sends no server name is under the rules of the listener, whatever it asks for",
  async () => ({ ...(await guarded()), script: answering(response("200 OK", "x")) }),
  async ({ proxy }) => {
    const client = await connectSecurely(proxy.port, { servername: "" });
    client.send(ask(ADMIN));
    assert.equal(statusOf(await client.readResponse()), 421);
    client.send(ask(OPEN));
    assert.equal(statusOf(await client.readResponse()), 200);
    client.socket.destroy();
  },
);

scene(
  "a session of an open name opens no other (CVE-2025-23419)",
  async () => ({ ...(await guarded()), script: answering(response("200 OK", "x")) }),
  async ({ proxy, origin }) => {
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
      const client = await connectSecurely(proxy.port, { maxVersion });
      client.send(ask(OPEN));
      await client.readResponse();
      const session = await client.session;
      const before = origin.accepted;
      const told = await refusal(proxy.port, { servername: ADMIN, session, maxVersion });
      assert.match(told, REFUSED, maxVersion);
      assert.equal(origin.accepted, before);
      client.socket.destroy();
    }
  },
);

scene(
  "a session that was begun with a certificate is taken up with it",
  async () => ({ ...(await guarded()), script: answering(response("200 OK", "x")) }),
  async ({ proxy }) => {
    const options = { servername: ADMIN, ...shows(certificates()) };
    const first = await connectSecurely(proxy.port, options);
    first.send(ask(ADMIN));
    await first.readResponse();
    const session = await first.session;
    const second = await connectSecurely(proxy.port, { ...options, session });
    assert.equal(second.socket.isSessionReused(), true);
    second.send(ask(ADMIN));
    assert.equal(statusOf(await second.readResponse()), 200);
    for (const wire of [first, second]) wire.socket.destroy();
  },
);

scene(
  "rules that come with a reload hold for connections that were open before",
  async () => ({ ...(await secured()), script: answering(response("200 OK", "x")) }),
  async ({ proxy, origin }) => {
    const client = await connectSecurely(proxy.port, { servername: ADMIN });
    client.send(ask(ADMIN));
    assert.equal(statusOf(await client.readResponse()), 200);
    proxy.apply({ ...(await guarded()), backends: [origin.port] });
    client.send(ask(ADMIN));
    assert.equal(statusOf(await client.readResponse()), 421);
    client.socket.destroy();
  },
);

scene(
  "where a certificate is only asked for, one can do without",
  async () => ({
    ...(await secured({ policies: [certificatePolicy(certificates(), "request")] })),
    script: answering(response("200 OK", "x")),
  }),
  async ({ proxy, origin }) => {
    const all = certificates();
    const without = await connectSecurely(proxy.port);
    without.send(ask(OPEN));
    assert.equal(statusOf(await without.readResponse()), 200);
    const { foreignClient } = all;
    const bad = { cert: foreignClient.chain, key: foreignClient.key };
    assert.match(await refusal(proxy.port, bad), REFUSED);
    const good = await connectSecurely(proxy.port, shows(all));
    good.send(ask(OPEN));
    assert.equal(statusOf(await good.readResponse()), 200);
    assert.ok(origin.accepted > 0);
    for (const wire of [without, good]) wire.socket.destroy();
  },
);

scene(
  "a revoked certificate is not good",
  async () => {
    const all = certificates();
    const policy = certificatePolicy(all);
    return {
      ...(await secured({
        policies: [
          { ...policy, clientCertificates: { ...policy.clientCertificates!, crl: all.crl } },
        ],
      })),
      certificates: [certificateData(all.ecdsa)],
      script: answering(response("200 OK", "x")),
    };
  },
  async ({ proxy }) => {
    const all = certificates();
    const { chain: cert, key } = all.revokedClient;
    assert.match(await refusal(proxy.port, { cert, key }), REFUSED);
    const good = await connectSecurely(proxy.port, shows(all));
    good.send(ask(OPEN));
    assert.equal(statusOf(await good.readResponse()), 200);
    good.socket.destroy();
  },
);

scene(
  "a name that demands a certificate is redirected to https, and served to nobody without TLS",
  async () => ({
    otherTls: (await guarded()).tls!,
    redirectPort: 443,
    trustedProxies: ["127.0.0.1"],
    script: answering(response("200 OK", "x")),
  }),
  async ({ client, origin }) => {
    const wire = await client();
    const status = async (host: string, ...fields: string[]): Promise<number> => {
      wire.send([`GET / HTTP/1.1`, `Host: ${host}`, ...fields, "", ""].join("\r\n"));
      return statusOf(await wire.readResponse());
    };
    assert.equal(await status(ADMIN), 308);
    assert.equal(await status(ADMIN, "X-Forwarded-Proto: https"), 421);
    assert.equal(await status(ADMIN, "X-Forwarded-Proto: https", "Client-Cert: :bWU=:"), 421);
    assert.equal(origin.accepted, 0);
    assert.equal(await status(OPEN, "X-Forwarded-Proto: https"), 200);
  },
);

scene(
  "a certificate of other issuers does not open what demands one of its own, on whichever listener",
  async () => {
    const all = certificates();
    const asks = certificatePolicy(all, "request");
    const theirs = {
      ...certificatePolicy(all),
      clientCertificates: { mode: "require", ca: all.root, crl: null } as const,
    };
    return {
      ...(await secured({ policies: [asks] })),
      otherTls: (await secured({ policies: [PLAIN_POLICY, theirs], policyNames: [[ADMIN, 1]] }))
        .tls!,
      script: answering(response("200 OK", "x")),
    };
  },
  async ({ proxy, origin }) => {
    const all = certificates();
    const client = await connectSecurely(proxy.port, { servername: ADMIN, ...shows(all) });
    client.send(ask(ADMIN));
    assert.equal(statusOf(await client.readResponse()), 421);
    client.send(ask(OPEN));
    assert.equal(statusOf(await client.readResponse()), 200);
    // Where both believe the same issuers, one certificate does for both.
    const same = (
      await secured({ policies: [PLAIN_POLICY, certificatePolicy(all)], policyNames: [[ADMIN, 1]] })
    ).tls!;
    proxy.apply({
      ...(await secured({ policies: [certificatePolicy(all, "request")] })),
      otherTls: same,
      backends: [origin.port],
    });
    client.send(ask(ADMIN));
    assert.equal(statusOf(await client.readResponse()), 200);
    client.socket.destroy();
  },
);

scene(
  "a listener that demands certificates of everybody does so for its own names, and for names that nobody has",
  async () => {
    const all = certificates();
    return {
      ...(await secured()),
      certificates: [
        certificateData(all.ecdsa),
        certificateData(all.wrongName, ["other.test"], { source: "theirs" }),
      ],
      otherTls: (await secured({ sources: ["theirs"], policies: [certificatePolicy(all)] })).tls!,
      script: answering(response("200 OK", "x")),
    };
  },
  async ({ proxy, origin }) => {
    const client = await connectSecurely(proxy.port);
    const status = async (host: string): Promise<number> => {
      client.send(ask(host));
      return statusOf(await client.readResponse());
    };
    assert.equal(await status(OPEN), 200);
    assert.equal(await status("other.test"), 421);
    assert.equal(await status("nobody.test"), 421);
    client.socket.destroy();
    assert.equal(origin.accepted, 1);
  },
);
