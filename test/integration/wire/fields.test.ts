/** Which fields pass, which are taken away and which are the proxy's own, in both directions. */

import assert from "node:assert/strict";
import { get, post, request } from "../../harness/client.ts";
import { response } from "../../harness/origin.ts";
import { scene } from "../../harness/scene.ts";
import { statusOf, valueOf, valuesOf } from "../../harness/wire.ts";

scene("fields of the connection do not pass to the backend", {}, async (stage) => {
  const { backend } = await stage.exchange(
    get(
      "/",
      "Connection: keep-alive, X-Mine, close",
      "X-Mine: secret",
      "x-MINE: secret",
      "Keep-Alive: timeout=5",
      "Proxy-Connection: keep-alive",
      "TE: gzip",
      "Upgrade: h2c",
      "HTTP2-Settings: AAMAAABkAARAAAAA",
      "Proxy-Authorization: Basic eDp5",
      "Proxy-Authenticate: Basic",
      "Trailer: X-Sum",
      "X-Kept: yes",
    ),
  );
  const { fields } = await backend.readHead();
  const names = new Set(fields.map(([name]) => name.toLowerCase()));
  for (const gone of [
    "connection",
    "x-mine",
    "keep-alive",
    "proxy-connection",
    "te",
    "upgrade",
    "http2-settings",
    "proxy-authorization",
    "proxy-authenticate",
  ]) {
    assert.ok(!names.has(gone), gone);
  }
  assert.ok(names.has("x-kept"));
});

scene("fields of the connection do not pass to the client", {}, async (stage) => {
  const { client, backend } = await stage.exchange(get("/"));
  await backend.readHead();
  backend.send(
    "HTTP/1.1 103 Early Hints\r\nConnection: X-Mine\r\nX-Mine: secret\r\nKeep-Alive: timeout=5\r\nLink: </a>\r\n\r\n",
  );
  const interim = await client.readResponse();
  assert.deepEqual(
    interim.fields.map(([name]) => name),
    ["Link", "Via"],
  );
  backend.send(
    response(
      "200 OK",
      "",
      "Connection: X-Mine",
      "X-Mine: secret",
      "Keep-Alive: timeout=5",
      "Proxy-Authenticate: Basic",
      "Upgrade: h2c",
      "Set-Cookie: a=1",
      "Set-Cookie: b=2",
    ),
  );
  const final = await client.readResponse();
  assert.deepEqual(
    final.fields.map(([name]) => name),
    ["Set-Cookie", "Set-Cookie", "Via", "Date", "Content-Length"],
  );
});

scene("an answer's own Date passes, and one without gets one", {}, async (stage) => {
  const { client, backend } = await stage.exchange(get("/1"));
  await backend.readHead();
  backend.send(response("200 OK", "", "Date: Tue, 15 Nov 1994 08:12:31 GMT"));
  assert.equal(valueOf(await client.readResponse(), "date"), "Tue, 15 Nov 1994 08:12:31 GMT");
  client.send(get("/2"));
  await backend.readHead();
  backend.send(response("200 OK"));
  assert.match(
    valueOf(await client.readResponse(), "date") ?? "",
    /^\w{3}, \d{2} \w{3} \d{4} .* GMT$/,
  );
});

scene("a Connection option takes away nothing that the backend relies on", {}, async (stage) => {
  const { backend } = await stage.exchange(
    post(
      "/",
      "b",
      "Connection: Host, Content-Length, Cookie, Authorization, X-Forwarded-For, X-Forwarded-Proto, Via, X-Request-Id",
      "Cookie: a=1",
      "Authorization: Bearer t",
    ),
  );
  const asked = await backend.readRequest();
  assert.equal(valueOf(asked, "host"), "app.test");
  assert.equal(valueOf(asked, "content-length"), "1");
  assert.equal(valueOf(asked, "cookie"), "a=1");
  assert.equal(valueOf(asked, "authorization"), "Bearer t");
  assert.equal(valueOf(asked, "x-forwarded-for"), "127.0.0.1");
  assert.equal(valueOf(asked, "x-forwarded-proto"), "http");
  assert.equal(valueOf(asked, "via"), "1.1 sluice-test");
  assert.match(valueOf(asked, "x-request-id") ?? "", /^[0-9a-z]+$/);
});

scene("trailers announced by the client are asked for anew", {}, async (stage) => {
  const { backend } = await stage.exchange(get("/", "TE: trailers, deflate", "Connection: TE"));
  const asked = await backend.readRequest();
  assert.equal(valueOf(asked, "te"), "trailers");
  assert.equal(valueOf(asked, "connection"), "TE");
});

scene("an untrusted peer does not speak for the client, in any spelling", {}, async (stage) => {
  const { backend } = await stage.exchange(
    get(
      "/",
      "Forwarded: for=6.6.6.6",
      "X-Forwarded-For: 6.6.6.6",
      "x_forwarded_for: 6.6.6.6",
      "X-Forwarded_For: 6.6.6.6",
      "X-FORWARDED-HOST: evil",
      "X-Forwarded-Proto: https",
      "X-Forwarded-Port: 443",
      "X-Forwarded-Prefix: /evil",
      "X-Forwarded-User: root",
      "X-Real-IP: 6.6.6.6",
      "X_Real_IP: 6.6.6.6",
      "X-Original-URL: /admin",
      "X-Rewrite-URL: /admin",
      "Client-Cert: :evil:",
      "Client-Cert-Chain: :evil:",
      "X-Request-Id: mine",
      "X_Request_Id: mine",
      "X-Request_ID: mine",
    ),
  );
  const asked = await backend.readRequest();
  assert.ok(!JSON.stringify(asked.fields).match(/6\.6\.6\.6|evil|admin|root|mine/));
  const set = asked.fields.filter(([name]) => /^x[-_]/i.test(name)).map(([name]) => name);
  assert.deepEqual(set, [
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Request-Id",
  ]);
  assert.equal(valueOf(asked, "x-forwarded-for"), "127.0.0.1");
  assert.equal(valueOf(asked, "x-forwarded-host"), "app.test");
  assert.equal(valueOf(asked, "x-forwarded-port"), "80");
});

scene(
  "a trusted peer's words are kept and appended to",
  { trustedProxies: ["127.0.0.0/8"] },
  async (stage) => {
    const { client, backend } = await stage.exchange(
      get(
        "/",
        "X-Forwarded-For: 9.9.9.9, 8.8.8.8",
        "Forwarded: for=8.8.8.8",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: public.test",
        "X-Forwarded-Port: 8443",
        "X-Forwarded-Prefix: /outer",
        "X-Real-IP: 8.8.8.8",
        "X_Forwarded_For: 6.6.6.6",
        "X-Request-Id: from-outside.1",
      ),
    );
    const asked = await backend.readRequest();
    assert.deepEqual(valuesOf(asked, "x-forwarded-for"), ["9.9.9.9, 8.8.8.8, 127.0.0.1"]);
    assert.equal(
      valueOf(asked, "forwarded"),
      "for=8.8.8.8, for=127.0.0.1;host=app.test;proto=http",
    );
    assert.equal(valueOf(asked, "x-forwarded-proto"), "https");
    assert.equal(valueOf(asked, "x-forwarded-host"), "public.test");
    assert.equal(valueOf(asked, "x-forwarded-port"), "8443");
    assert.equal(valueOf(asked, "x-forwarded-prefix"), "/outer");
    assert.equal(valueOf(asked, "x-real-ip"), "8.8.8.8");
    assert.equal(valueOf(asked, "x-request-id"), "from-outside.1");
    assert.equal(valueOf(asked, "x_forwarded_for"), undefined);
    backend.send(response("200 OK"));
    await client.readResponse();
    assert.equal(
      (await stage.proxy.nextRecord()).clientIp,
      "8.8.8.8",
      "the rightmost untrusted hop",
    );
  },
);

scene(
  "several X-Forwarded-For fields of a trusted peer are one list",
  { trustedProxies: ["127.0.0.1/32"] },
  async (stage) => {
    const { client, backend } = await stage.exchange(
      get("/", "X-Forwarded-For: 9.9.9.9", "X-Forwarded-For: 8.8.8.8"),
    );
    const asked = await backend.readRequest();
    assert.deepEqual(valuesOf(asked, "x-forwarded-for"), ["9.9.9.9, 8.8.8.8, 127.0.0.1"]);
    backend.send(response("200 OK"));
    await client.readResponse();
    assert.equal((await stage.proxy.nextRecord()).clientIp, "8.8.8.8");
  },
);

scene(
  "a trusted peer's malformed words are set anew",
  { trustedProxies: ["127.0.0.1/32"] },
  async (stage) => {
    const { backend } = await stage.exchange(
      get(
        "/",
        "X-Forwarded-Proto: gopher",
        "X-Forwarded-Host: a.test",
        "X-Forwarded-Host: b.test",
        "X-Forwarded-Port: 99999",
      ),
    );
    const asked = await backend.readRequest();
    assert.equal(valueOf(asked, "x-forwarded-proto"), "http");
    assert.equal(valueOf(asked, "x-forwarded-host"), "app.test");
    assert.equal(valueOf(asked, "x-forwarded-port"), "80");
  },
);

scene("Forwarded is set where it is asked for", { forwarded: true }, async (stage) => {
  const { backend } = await stage.exchange(
    request("GET / HTTP/1.1", []).replace("app.test", "app.test:8080"),
  );
  const asked = await backend.readRequest();
  assert.equal(valueOf(asked, "forwarded"), 'for=127.0.0.1;host="app.test:8080";proto=http');
  assert.equal(valueOf(asked, "x-forwarded-port"), "8080");
});

for (const [kind, host, expected] of [
  ["preserve", { kind: "preserve" }, "app.test"],
  ["literal", { kind: "literal", value: "inner.test" }, "inner.test"],
] as const) {
  scene(
    `Host goes to the backend by the route's policy: ${kind}`,
    { route: { host } },
    async (stage) => {
      const { backend } = await stage.exchange(get("/"));
      const asked = await backend.readRequest();
      assert.equal(valueOf(asked, "host"), expected);
      assert.equal(valueOf(asked, "x-forwarded-host"), "app.test");
    },
  );
}

scene(
  "Host goes to the backend by the route's policy: endpoint",
  { route: { host: { kind: "endpoint" } } },
  async (stage) => {
    const { backend } = await stage.exchange(get("/"));
    assert.equal(valueOf(await backend.readRequest(), "host"), `127.0.0.1:${stage.origin.port}`);
  },
);

// ── Via and loops ──

scene("Via names the proxy in both directions, behind what stands there", {}, async (stage) => {
  const { client, backend } = await stage.exchange(get("/", "Via: 1.0 outer (it, is)"));
  assert.deepEqual(valuesOf(await backend.readRequest(), "via"), [
    "1.0 outer (it, is)",
    "1.1 sluice-test",
  ]);
  backend.send(response("200 OK", "", "Via: 1.1 inner"));
  assert.deepEqual(valuesOf(await client.readResponse(), "via"), ["1.1 inner", "1.1 sluice-test"]);
});

for (const [passes, via, status] of [
  ["once", ["1.1 sluice-test"], 200],
  ["twice in two fields", ["1.1 sluice-test", "1.1 other, 1.1 sluice-test"], 508],
  ["twice in one field", ["1.1 sluice-test , 1.1 other,1.0 sluice-test (comment)"], 508],
  ["twice under other ids", ["1.1 sluice-test-2, 1.1 my.sluice-test"], 200],
] as const) {
  scene(`a request that has passed ${passes} gives ${status}`, {}, async (stage) => {
    const client = await stage.client();
    client.send(get("/", ...via.map((value) => `Via: ${value}`)));
    if (status === 200) {
      const backend = await stage.origin.connection();
      await backend.readHead();
      backend.send(response("200 OK"));
    }
    const answer = await client.readResponse();
    assert.equal(statusOf(answer), status);
    if (status === 508) {
      assert.match(answer.body.toString(), /loop_detected: .*an upstream points back to it/);
      assert.match(valueOf(answer, "proxy-status") ?? "", /error=proxy_loop_detected/);
    }
  });
}

scene("a proxy that forwards to itself ends the request by itself", {}, async (stage) => {
  stage.proxy.apply({ backends: [stage.proxy.port] });
  const client = await stage.client();
  client.send(post("/", "round and round"));
  const answer = await client.readResponse();
  assert.equal(statusOf(answer), 508);
  const records = [];
  for (let i = 0; i < 3; i++) records.push(await stage.proxy.nextRecord());
  assert.deepEqual(
    records.map(({ status, attempts }) => ({ status, attempts })),
    [
      { status: 508, attempts: 0 },
      { status: 508, attempts: 1 },
      { status: 508, attempts: 1 },
    ],
  );
});
