import assert from "node:assert/strict";
import { test } from "node:test";
import { snapshotOf } from "./compile.fixture.ts";

const UPSTREAM = "upstreams: { app: 3000 }\n";

test("the sources of certificates are named once, with absolute files and the names of routes", async () => {
  const snapshot = await snapshotOf(
    `listen:
  - { address: ":1", tls: local }
  - { address: ":2", tls: local }
  - { address: ":3", tls: [{ cert: a.pem, key: a.key }, { cert: /etc/b.pem, key: b.key }] }
  - { address: ":4", tls: { cert: a.pem, key: a.key } }
${UPSTREAM}routes:
  - { match: ["b.test", "*.a.test", "**.c.test", "10.0.0.1/x", "/y"], to: app }
`,
    { files: { directory: "/srv", texts: new Map() } },
  );
  assert.deepEqual(
    snapshot.certificates.map((source) => ({ ...source, id: "" })),
    [
      { kind: "local", id: "", names: ["*.a.test", "10.0.0.1", "b.test"], place: "listen[0].tls" },
      { kind: "files", id: "", cert: "/srv/a.pem", key: "/srv/a.key", place: "listen[2].tls[0]" },
      { kind: "files", id: "", cert: "/etc/b.pem", key: "/srv/b.key", place: "listen[2].tls[1]" },
    ],
  );
  const [local, a, b] = snapshot.certificates.map(({ id }) => id);
  assert.deepEqual(
    snapshot.listeners.map(({ tls }) => tls?.sources),
    [[local], [local], [a, b], [a]],
  );
});

test("names with the same rules share a policy, and equal rules are equal across listeners", async () => {
  const snapshot = await snapshotOf(
    `listen:
  - address: ":1"
    tls:
      certificates: local
      names:
        a.test: { preset: modern }
        b.test: { preset: intermediate }
        c.test: { preset: modern }
  - { address: ":2", tls: { certificates: local, preset: modern } }
${UPSTREAM}`,
  );
  const [first, second] = snapshot.listeners.map(({ tls }) => tls);
  assert.equal(first?.policies.length, 2);
  assert.deepEqual(first.policyNames, [
    ["a.test", 1],
    ["b.test", 0],
    ["c.test", 1],
  ]);
  assert.equal(second?.policies[0]?.id, first.policies[1]?.id);
  assert.notEqual(first.policies[0]?.id, first.policies[1]?.id);
});

test("a redirect leads to port 443, or to the first that speaks TLS", async () => {
  const port = async (listen: string): Promise<unknown> => {
    const { listeners } = await snapshotOf(`listen: ${listen}\n${UPSTREAM}`);
    return listeners.find(({ redirectPort }) => redirectPort !== null)?.redirectPort;
  };
  const plain = '{ address: ":8080", redirect: https }';
  const tls = (port: number): string => `{ address: ":${port}", tls: local }`;
  assert.equal(await port(`[${plain}, ${tls(9443)}, ${tls(8443)}]`), 9443);
  assert.equal(await port(`[${plain}, ${tls(9443)}, ${tls(443)}]`), 443);
  assert.equal(await port(`[${plain}]`), 443);
});

test("an upstream has TLS if an endpoint speaks it, and other TLS is another pool", async () => {
  const upstream = async (text: string) => {
    const { upstreams } = await snapshotOf(`upstreams: { app: ${text} }\n`);
    return upstreams[0]!;
  };
  assert.equal((await upstream("http://a")).tls, null);
  const mixed = await upstream("{ endpoints: [https://a, http://b] }");
  assert.deepEqual(
    mixed.endpoints.map(({ secure }) => secure),
    [true, false],
  );
  assert.deepEqual(mixed.tls, {
    verify: true,
    ca: null,
    serverName: null,
    minVersion: "TLSv1.2",
    certificate: null,
  });
});

test("certificates are obtained for exact hosts, and for wildcards that can be had, which cover what is below them", async () => {
  const routes = `routes:
  - match: [a.test, "*.b.test", x.b.test, y.x.b.test, localhost, 10.0.0.1, passed.test, /any]
    to: app
`;
  const listen = `listen:
  - { address: ":443", tls: { certificates: auto, passThrough: { passed.test: app } } }
`;
  const { acme, certificates, listeners } = await snapshotOf(`${listen}${UPSTREAM}${routes}`);
  assert.deepEqual(acme?.names, ["*.b.test", "a.test", "x.b.test", "y.x.b.test"]);
  assert.deepEqual(
    certificates.map((source) => source.kind === "local" && source.names),
    [["10.0.0.1", "localhost"]],
  );
  assert.deepEqual(listeners[0]?.tls?.sources, ["acme", certificates[0]?.id]);
  const wild = await snapshotOf(`${listen}${UPSTREAM}${routes}acme: { dns: { exec: ./hook } }\n`);
  assert.deepEqual(wild.acme?.names, ["*.b.test", "a.test", "y.x.b.test"]);
  assert.deepEqual(wild.acme?.challenges, ["dns-01"]);
  const none = await snapshotOf(`listen: { address: ":1", tls: local }\n${UPSTREAM}${routes}`);
  assert.equal(none.acme, null);
});
