/** The filters that protect, on the wire: what gets through to the backend, and what those get who try to get past. */

import assert from "node:assert/strict";
import { scryptSync } from "node:crypto";
import { FILTERS } from "#filters/runtime.ts";
import type { RouteData } from "#model/snapshot.ts";
import { get, post, request } from "../harness/client.ts";
import { type FilterName, filterData } from "../harness/filter.ts";
import { response } from "../harness/origin.ts";
import type { ProxyOptions } from "../harness/proxy.ts";
import { type Scene, type SceneOptions, scene } from "../harness/scene.ts";
import type { Message } from "../harness/wire.ts";

type Step = Partial<Record<FilterName, unknown>>;

/** A scene whose route has these filters. */
function using(
  steps: readonly Step[],
  rest: Partial<RouteData> = {},
  options: Partial<ProxyOptions> = {},
): SceneOptions {
  return { filters: FILTERS, route: { filters: filterData(steps), ...rest }, ...options };
}

function field(message: Pick<Message, "fields">, name: string): string | undefined {
  return message.fields.find(([each]) => each.toLowerCase() === name)?.[1];
}

const WEBSOCKET = [
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

/** Sends each request on a connection of its own; all are to be answered with that status, and no backend asked. */
async function refusesAll(
  stage: Scene,
  status: number,
  requests: readonly string[],
): Promise<void> {
  for (const text of requests) {
    const client = await stage.client();
    client.send(text);
    const { startLine } = await client.readResponse();
    assert.match(startLine, new RegExp(`^HTTP/1\\.1 ${status} `), text);
  }
  assert.equal(stage.origin.accepted, 0);
}

// ── ipAccess ─────────────────────────────────────────────────────────────────────────────────────────

const ELSEWHERE = "X-Forwarded-For: 10.0.0.1";

scene(
  "ipAccess: nobody gets past by claiming another address, by another form of request or by an upgrade",
  using([{ ipAccess: { allow: "10.0.0.0/8" } }]),
  (stage) =>
    refusesAll(stage, 403, [
      get("/"),
      get("/", ELSEWHERE),
      get("/", "x-forwarded-for: 10.0.0.1, 10.0.0.2", "X_Forwarded_For: 10.0.0.1"),
      get("/", "Forwarded: for=10.0.0.1", "X-Real-IP: 10.0.0.1"),
      get("/", "Connection: X-Forwarded-For", ELSEWHERE),
      get("http://app.test/"),
      get("/%2561/..%2f"),
      request("GET / HTTP/1.0"),
      request("OPTIONS * HTTP/1.1"),
      get("/", ...WEBSOCKET),
      post("/", "body"),
      request(
        "POST / HTTP/1.1",
        ["Transfer-Encoding: chunked"],
        "0\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n",
      ),
    ]),
);

scene(
  "ipAccess: behind a trusted proxy it is the client's address that counts, not one that it made up",
  using([{ ipAccess: { allow: "10.0.0.0/8" } }], {}, { trustedProxies: ["127.0.0.0/8"] }),
  async (stage) => {
    await refusesAll(stage, 403, [
      get("/", "X-Forwarded-For: 10.0.0.1, 192.0.2.1"),
      get("/", "X-Forwarded-For: 10.0.0.1", "X-Forwarded-For: 192.0.2.1"),
    ]);
    const { client, backend } = await stage.exchange(
      get("/", "X-Forwarded-For: 192.0.2.1, 10.0.0.1"),
    );
    await backend.readRequest();
    backend.send(response("200 OK"));
    assert.match((await client.readResponse()).startLine, / 200 /);
  },
);

// ── rateLimit ────────────────────────────────────────────────────────────────────────────────────────

scene(
  "rateLimit: a client cannot make itself a new one, whatever it says of itself",
  using([{ rateLimit: { rate: "1/h", burst: 1 } }]),
  async (stage) => {
    const { client, backend } = await stage.exchange(get("/"));
    await backend.readRequest();
    backend.send(response("200 OK"));
    const first = await client.readResponse();
    assert.equal(field(first, "ratelimit-policy"), '"client-ip";q=1;w=3600');
    assert.equal(field(first, "ratelimit"), '"client-ip";r=0;t=3600');
    const forms = [
      get("/", ELSEWHERE, "Forwarded: for=10.0.0.2", "X_Forwarded_For: 10.0.0.3"),
      get("http://app.test/other?x=1"),
      get("/", ...WEBSOCKET),
      request("GET / HTTP/1.0"),
      request("HEAD / HTTP/1.1"),
      post("/", "body"),
    ];
    for (const text of forms) {
      const other = await stage.client();
      other.send(text);
      const answer = await other.readHead();
      assert.match(answer.startLine, / 429 Too Many Requests$/, text);
      assert.equal(field(answer, "retry-after"), "3600");
      assert.match(field(answer, "proxy-status") ?? "", /details="rate_limited"/);
    }
    assert.equal(stage.origin.accepted, 1);
  },
);

scene(
  "rateLimit: a connection goes on after a refusal, and what was refused is not counted",
  using([{ rateLimit: { rate: "2/s", burst: 1 } }]),
  async (stage) => {
    stage.origin.script = async (backend) => {
      for (;;) {
        await backend.readRequest();
        backend.send(response("200 OK"));
      }
    };
    const client = await stage.client();
    const answers: string[] = [];
    for (let i = 0; i < 4; i++) {
      client.send(get("/"));
      answers.push((await client.readResponse()).startLine.slice(9, 12));
    }
    assert.deepEqual(answers, ["200", "429", "429", "429"]);
    await new Promise((resolve) => setTimeout(resolve, 600));
    client.send(get("/"));
    assert.match((await client.readResponse()).startLine, / 200 /);
  },
);

// ── basicAuth and forwardAuth ────────────────────────────────────────────────────────────────────────

/** Hash of `s3cret`. */
const SECRET = ((): string => {
  const salt = Buffer.from("salt of sixteen.");
  const hash = scryptSync("s3cret", salt, 32, { N: 1024, r: 8, p: 1 });
  const plain = (bytes: Buffer): string => bytes.toString("base64").replace(/=+$/, "");
  return `$scrypt$ln=10,r=8,p=1$${plain(salt)}$${plain(hash)}`;
})();
const RIGHT = `Authorization: Basic ${Buffer.from("anna:s3cret").toString("base64")}`;
const PASSWORD = { basicAuth: { users: { anna: SECRET }, userHeader: "X-User" } };

scene("basicAuth: no form of request gets past without the password", using([PASSWORD]), (stage) =>
  refusesAll(stage, 401, [
    get("/"),
    get("http://app.test/"),
    get("/%2e%2e/%2561"),
    get("/", ...WEBSOCKET),
    get("/", `X-${RIGHT}`, RIGHT.replace("Authorization", "Authorization_")),
    get("/", RIGHT, RIGHT),
    get("/", RIGHT.replace("Authorization", "Proxy-Authorization")),
    request("GET / HTTP/1.0"),
    request("OPTIONS * HTTP/1.1"),
    post("/", "body", "Expect: 100-continue"),
    request("POST / HTTP/1.1", ["Transfer-Encoding: chunked"], `0\r\n${RIGHT}\r\n\r\n`),
  ]),
);

scene(
  "basicAuth: the backend learns who it is, and nobody else can say so: not in the head, not behind the body",
  using([PASSWORD]),
  async (stage) => {
    const claims = ["X-User: root", "x_user: root", "TE: trailers"];
    const { client, backend } = await stage.exchange(
      request(
        "POST / HTTP/1.1",
        [...claims, RIGHT, "Transfer-Encoding: chunked"],
        "1\r\na\r\n0\r\nX-User: root\r\nx_user: root\r\nX-Sum: 1\r\n\r\n",
      ),
    );
    const seen = await backend.readHead();
    assert.deepEqual(
      seen.fields.filter(([name]) => /^x.user$/i.test(name)),
      [["X-User", "anna"]],
    );
    assert.equal(field(seen, "authorization"), undefined);
    const rest = await backend.readThrough("\r\n\r\n");
    assert.match(rest, /x-sum: 1/i);
    assert.doesNotMatch(rest, /root/);
    backend.send(response("200 OK"));
    assert.match((await client.readResponse()).startLine, / 200 /);
  },
);

scene("basicAuth: a WebSocket is opened with the password", using([PASSWORD]), async (stage) => {
  const { client, backend } = await stage.exchange(get("/", ...WEBSOCKET, RIGHT));
  assert.deepEqual(field(await backend.readHead(), "x-user"), "anna");
  backend.send(
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
  );
  assert.match((await client.readHead()).startLine, / 101 /);
  client.end();
  backend.end();
  await client.ended;
});

const ASKING = { forwardAuth: { to: "app", path: "/verify", copy: "X-User" } };

scene(
  "forwardAuth: asks over the pool, and the request goes on with what the answer says",
  using([ASKING]),
  async (stage) => {
    const { client, backend } = await stage.exchange(get("/a", "X-User: root", "Cookie: a=1"));
    const question = await backend.readRequest();
    assert.equal(question.startLine, "GET /verify HTTP/1.1");
    assert.equal(field(question, "x-forwarded-uri"), "/a");
    assert.equal(field(question, "cookie"), "a=1");
    assert.equal(field(question, "x-user"), undefined);
    backend.send("HTTP/1.1 200 OK\r\nX-User: anna\r\nContent-Length: 2\r\n\r\nok");
    const seen = await backend.readRequest();
    assert.equal(seen.startLine, "GET /a HTTP/1.1");
    assert.equal(field(seen, "x-user"), "anna");
    backend.send(response("200 OK"));
    assert.match((await client.readResponse()).startLine, / 200 /);
    assert.equal(stage.origin.accepted, 1, "the same connection");
  },
);

scene(
  "forwardAuth: another answer than 2xx goes to the client, and the backend is not asked",
  using([ASKING]),
  async (stage) => {
    const { client, backend } = await stage.exchange(post("/a", "body"));
    await backend.readRequest();
    backend.send(
      "HTTP/1.1 302 Found\r\nLocation: /login\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
    );
    const answer = await client.readResponse();
    assert.match(answer.startLine, / 302 /);
    assert.equal(field(answer, "location"), "/login");
    assert.equal(answer.body.toString(), "no");
    assert.equal(backend.pending(), "");
  },
);

scene(
  "forwardAuth: an answer that is cut off, or none, is no leave to pass",
  using([{ forwardAuth: { to: "app", timeout: "200ms" } }]),
  async (stage) => {
    const cut = await stage.exchange(get("/"));
    await cut.backend.readRequest();
    cut.backend.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    cut.backend.end();
    assert.match((await cut.client.readResponse()).startLine, / 503 /);
    const silent = await stage.exchange(get("/"));
    await silent.backend.readRequest();
    assert.match((await silent.client.readResponse()).startLine, / 503 /);
    assert.equal((await stage.proxy.nextRecord()).failure, "auth_unavailable");
  },
);

scene(
  "forwardAuth: a client that leaves while somebody is asked leaves nothing behind",
  using([ASKING]),
  async (stage) => {
    const { client, backend } = await stage.exchange(get("/"));
    await backend.readRequest();
    client.reset();
    await stage.proxy.nextRecord();
    await backend.ended;
  },
);

// ── concurrencyLimit ─────────────────────────────────────────────────────────────────────────────────

scene(
  "concurrencyLimit: what is too many at once is refused, a WebSocket counts while it is open, who has left does not",
  using([{ concurrencyLimit: 1 }]),
  async (stage) => {
    const held = await stage.exchange(get("/"));
    await held.backend.readRequest();
    const second = await stage.client();
    second.send(get("/", "X-Forwarded-For: 10.0.0.1"));
    const refused = await second.readResponse();
    assert.match(refused.startLine, / 503 /);
    assert.equal(field(refused, "retry-after"), "1");
    held.client.reset();
    await stage.proxy.nextRecord();
    await stage.proxy.nextRecord();
    const third = await stage.exchange(get("/"));
    await third.backend.readRequest();
    third.backend.send(response("200 OK"));
    assert.match((await third.client.readResponse()).startLine, / 200 /);
  },
);

// ── cors ─────────────────────────────────────────────────────────────────────────────────────────────

scene(
  "cors: a preflight is answered here, and the answer to the request itself has one origin",
  using([{ cors: { origins: "https://a.test", methods: ["PUT"] } }]),
  async (stage) => {
    const client = await stage.client();
    const asks = ["Origin: https://a.test", "Access-Control-Request-Method: PUT"];
    client.send(request("OPTIONS / HTTP/1.1", asks));
    const preflight = await client.readHead();
    assert.match(preflight.startLine, / 204 /);
    assert.equal(field(preflight, "access-control-allow-origin"), "https://a.test");
    assert.equal(stage.origin.accepted, 0);
    client.send(get("/", "Origin: https://a.test"));
    const backend = await stage.origin.connection();
    await backend.readRequest();
    backend.send(response("200 OK", "", "Access-Control-Allow-Origin: *"));
    const answer = await client.readResponse();
    const origins = answer.fields.filter(([name]) => /^access-control-allow-origin$/i.test(name));
    assert.deepEqual(
      origins.map(([, value]) => value),
      ["https://a.test"],
    );
  },
);

// ── mode: observe ────────────────────────────────────────────────────────────────────────────────────

scene(
  "a filter that only observes changes nothing on the wire, and the record says what it would have done",
  using([{ rateLimit: { rate: "1/h", burst: 1, mode: "observe" } }]),
  async (stage) => {
    stage.origin.script = async (backend) => {
      for (;;) {
        await backend.readRequest();
        backend.send(response("200 OK"));
      }
    };
    const client = await stage.client();
    for (let i = 0; i < 2; i++) {
      client.send(get("/"));
      const answer = await client.readResponse();
      assert.match(answer.startLine, / 200 /);
      assert.equal(field(answer, "ratelimit"), undefined);
    }
    const [, second] = [await stage.proxy.nextRecord(), await stage.proxy.nextRecord()];
    assert.deepEqual(second.filterActions?.[0], {
      filter: "rateLimit",
      slot: 0,
      observed: true,
      action: "refused",
      detail: "rate_limited",
    });
  },
);
