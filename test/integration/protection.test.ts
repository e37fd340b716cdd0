/** The filters that protect, on the wire: what gets through to the backend, and what those get who try to get past. */

import assert from "node:assert/strict";
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
