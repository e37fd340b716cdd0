/** The built-in filters on the wire: what arrives at the backend and at the client, also from those who try to get past. */

import assert from "node:assert/strict";
import { FILTERS } from "#filters/runtime.ts";
import type { RouteData } from "#model/snapshot.ts";
import { get, post, request } from "../harness/client.ts";
import { type FilterName, filterData } from "../harness/filter.ts";
import { response } from "../harness/origin.ts";
import { type SceneOptions, scene } from "../harness/scene.ts";
import type { Message } from "../harness/wire.ts";

type Step = Partial<Record<FilterName, unknown>>;

/** A scene whose route has these filters. */
function using(steps: readonly Step[], rest: Partial<RouteData> = {}): SceneOptions {
  return { filters: FILTERS, route: { filters: filterData(steps), ...rest } };
}

function fields(message: Pick<Message, "fields">, name: string): string[] {
  return message.fields.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value);
}

const setUser = using([{ requestHeaders: { set: { "X-User": "anna" }, remove: "X-Debug" } }]);

scene(
  "a field that is set reaches the backend once, whatever the client sends",
  setUser,
  async (stage) => {
    const spellings = ["x-user: eve", "X_USER: eve", "X-User: eve", "X_User: eve", "x_debug: 1"];
    const { client, backend } = await stage.exchange(get("/", ...spellings));
    const seen = await backend.readRequest();
    assert.deepEqual(fields(seen, "x-user"), ["anna"]);
    assert.deepEqual(fields(seen, "x_user"), []);
    assert.deepEqual(fields(seen, "x_debug"), []);
    backend.send(response("200 OK"));
    await client.readResponse();
  },
);

scene("a field that is set cannot be taken away by Connection", setUser, async (stage) => {
  const { client, backend } = await stage.exchange(get("/", "Connection: X-User", "X-User: eve"));
  assert.deepEqual(fields(await backend.readRequest(), "x-user"), ["anna"]);
  backend.send(response("200 OK"));
  await client.readResponse();
});

scene(
  "what only the proxy may say of the client can be said by a filter, and not by the client",
  using([{ requestHeaders: { set: { "X-Real-IP": "{client_ip}", "X-Forwarded-User": "anna" } } }]),
  async (stage) => {
    const claims = ["X-Real-IP: 1.2.3.4", "X_Real_IP: 1.2.3.4", "X-Forwarded-User: eve"];
    const { client, backend } = await stage.exchange(get("/", ...claims, "X-Original-URL: /"));
    const seen = await backend.readRequest();
    assert.deepEqual(fields(seen, "x-real-ip"), ["127.0.0.1"]);
    assert.deepEqual(fields(seen, "x_real_ip"), []);
    assert.deepEqual(fields(seen, "x-forwarded-user"), ["anna"]);
    assert.deepEqual(fields(seen, "x-original-url"), []);
    backend.send(response("200 OK"));
    await client.readResponse();
  },
);

scene(
  "a path cannot write a header: escapes stay escapes",
  using([{ requestHeaders: { set: { "X-Path": "{path}?{query}" } } }]),
  async (stage) => {
    const { client, backend } = await stage.exchange(get("/a%0d%0aX-Admin:1?b=%0D%0AX-Admin:1"));
    const seen = await backend.readRequest();
    assert.deepEqual(fields(seen, "x-path"), ["/a%0D%0AX-Admin:1?b=%0D%0AX-Admin:1"]);
    assert.deepEqual(fields(seen, "x-admin"), []);
    backend.send(response("200 OK"));
    await client.readResponse();
  },
);

const strip = using([{ stripPrefix: "/api" }]);

scene("the backend is asked without the prefix and told of it", strip, async (stage) => {
  const { client, backend } = await stage.exchange(
    get("/api/a%2Fb?x=%20", "X-Forwarded-Prefix: /admin"),
  );
  const seen = await backend.readRequest();
  assert.equal(seen.startLine, "GET /a%2Fb?x=%20 HTTP/1.1");
  assert.deepEqual(fields(seen, "x-forwarded-prefix"), ["/api"]);
  backend.send(response("200 OK"));
  await client.readResponse();
});

scene("the prefix of an absolute-form target is taken off as well", strip, async (stage) => {
  const { client, backend } = await stage.exchange(get("http://app.test/api/users?x"));
  assert.equal((await backend.readRequest()).startLine, "GET /users?x HTTP/1.1");
  backend.send(response("200 OK"));
  await client.readResponse();
});

scene(
  "redirects and cookies of a backend behind a prefix lead to where the client sees it",
  strip,
  async (stage) => {
    const { client, backend } = await stage.exchange(get("/api/users"));
    await backend.readRequest();
    const own = ["Location: http://app.test/login", "Set-Cookie: a=1; Path=/", "Set-Cookie: b=2"];
    backend.send(response("302 Found", "", ...own));
    const answer = await client.readResponse();
    assert.deepEqual(fields(answer, "location"), ["http://app.test/api/login"]);
    assert.deepEqual(fields(answer, "set-cookie"), ["a=1; Path=/api", "b=2"]);
  },
);

scene(
  "a redirect answers without a backend, and leads to the host of an absolute-form target",
  using([{ redirect: { to: "https://{host}{path}", status: 308 } }], { upstream: null }),
  async (stage) => {
    const client = await stage.client();
    client.send(get("http://app.test/a?x=1"));
    const answer = await client.readResponse();
    assert.equal(answer.startLine, "HTTP/1.1 308 Permanent Redirect");
    assert.deepEqual(fields(answer, "location"), ["https://app.test/a?x=1"]);
    assert.deepEqual(fields(answer, "content-length"), ["0"]);
    client.send(get("//evil.test/%0d%0aSet-Cookie:x=y"));
    const other = await client.readResponse();
    assert.deepEqual(fields(other, "location"), [
      "https://app.test//evil.test/%0D%0ASet-Cookie:x=y",
    ]);
    assert.equal(stage.origin.accepted, 0);
  },
);

scene(
  "a fixed answer has its fields, those of responseHeaders included; HEAD gets its head alone",
  using(
    [
      { responseHeaders: { set: { "X-Id": "{request_id}" } } },
      { respond: { status: 503, json: { closed: true }, headers: { "Retry-After": "60" } } },
    ],
    { upstream: null },
  ),
  async (stage) => {
    const client = await stage.client();
    client.send(get("/"));
    const answer = await client.readResponse();
    assert.equal(answer.startLine, "HTTP/1.1 503 Service Unavailable");
    assert.equal(answer.body.toString(), '{"closed":true}\n');
    assert.deepEqual(fields(answer, "content-type"), ["application/json"]);
    assert.deepEqual(fields(answer, "retry-after"), ["60"]);
    assert.equal(fields(answer, "x-id").length, 1);
    client.send(request("HEAD / HTTP/1.1"));
    const head = await client.readResponse("HEAD");
    assert.deepEqual(fields(head, "content-length"), ["16"]);
    client.send(get("/"));
    assert.equal((await client.readResponse()).body.length, 16);
  },
);

const limited = using([{ bodyLimit: "10B" }]);

scene(
  "an announced body that is too large is refused before any of it came",
  limited,
  async (stage) => {
    const client = await stage.client();
    client.send(request("POST / HTTP/1.1", ["Content-Length: 11", "Expect: 100-continue"]));
    const answer = await client.readResponse();
    assert.equal(answer.startLine, "HTTP/1.1 413 Content Too Large");
    assert.match(answer.body.toString(), /request_body_too_large/);
    assert.match(fields(answer, "proxy-status").join(), /details="request_body_too_large"/);
    assert.equal((await stage.proxy.nextRecord()).failure, "request_body_too_large");
    assert.equal(stage.origin.accepted, 0);
  },
);

scene(
  "a body in chunks is counted by what is in them, and broken off at the limit",
  limited,
  async (stage) => {
    const { client, backend } = await stage.exchange(
      request("POST / HTTP/1.1", ["Transfer-Encoding: chunked"], "4;pad=0123456789\r\nabcd\r\n"),
    );
    await backend.readHead();
    assert.equal((await backend.readThrough("abcd\r\n")).slice(-6), "abcd\r\n");
    client.send("7\r\nefghijk\r\n");
    const answer = await client.readResponse();
    assert.equal(answer.startLine, "HTTP/1.1 413 Content Too Large");
    const rest = await backend.readToEnd();
    assert.ok(!rest.bytes.toString().includes("0\r\n"), "the part is not sent as the whole");
    // What still comes is read and thrown away; nothing answers it.
    client.send("5\r\nlmnop\r\n0\r\n\r\n");
    const after = await client.readToEnd();
    assert.equal(after.bytes.length, 0);
  },
);

scene(
  "a body as large as it may be passes, with a length and in chunks",
  limited,
  async (stage) => {
    const { client, backend } = await stage.exchange(post("/", "0123456789"));
    assert.equal((await backend.readRequest()).body.toString(), "0123456789");
    backend.send(response("200 OK"));
    await client.readResponse();
    const chunks = "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n";
    client.send(request("POST / HTTP/1.1", ["Transfer-Encoding: chunked"], chunks));
    assert.equal((await backend.readRequest()).body.toString(), "0123456789");
    backend.send(response("200 OK"));
    await client.readResponse();
  },
);

scene(
  "what the backend says of itself can be taken away, and its framing cannot",
  using([{ responseHeaders: { remove: ["Server"], set: { "X-Frame-Options": "DENY" } } }]),
  async (stage) => {
    const { client, backend } = await stage.exchange(get("/"));
    await backend.readRequest();
    backend.send(response("200 OK", "hello", "Server: php", "X-Frame-Options: ALLOWALL"));
    const answer = await client.readResponse();
    assert.deepEqual(fields(answer, "server"), []);
    assert.deepEqual(fields(answer, "x-frame-options"), ["DENY"]);
    assert.equal(answer.body.toString(), "hello");
  },
);
