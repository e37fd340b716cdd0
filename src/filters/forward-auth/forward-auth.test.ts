import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type FakeExchange,
  type FakeRequest,
  type Fields,
  readOptions,
  startExchange,
} from "../../../test/harness/filter.ts";
import { type Answer, HeaderList, type Question } from "#sdk/index.ts";

function answer(status: number, fields: Fields = [], body = ""): Answer {
  const headers = new HeaderList();
  for (const [name, value] of fields) headers.append(name, value);
  return { ok: true, status, headers, body: new TextEncoder().encode(body) };
}

const NONE: Answer = { ok: false, code: "connect_refused", detail: "127.0.0.1" };

interface Asked {
  readonly exchange: FakeExchange;
  readonly upstream: string;
  readonly question: Question;
  readonly decision: Awaited<ReturnType<FakeExchange["requestHeadLate"]>>;
}

async function asked(options: object, given: Answer, request: FakeRequest = {}): Promise<Asked> {
  let upstream = "";
  let question: Question | undefined;
  const exchange = startExchange([{ forwardAuth: { to: "auth", ...options } }], request, {
    ask(to, what) {
      upstream = to;
      question = what;
      return Promise.resolve(given);
    },
  });
  const decision = await exchange.requestHeadLate();
  return { exchange, upstream, question: question!, decision };
}

const CLAIMS: Fields = [
  ["X-User", "eve"],
  ["x_user", "eve"],
  ["X-USER", "eve"],
  ["Accept", "*/*"],
];

describe("forwardAuth", () => {
  test("asks with what the request is, and the fields that are to be sent", async () => {
    const { upstream, question } = await asked(
      { path: "/verify?a", send: ["cookie"] },
      answer(200),
      {
        method: "POST",
        target: "/a?b=c",
        host: "app.test",
        scheme: "https",
        headers: [
          ["Cookie", "a=1"],
          ["Cookie", "b=2"],
          ["Authorization", "Basic x"],
          ["X-Forwarded-Uri", "/else"],
        ],
      },
    );
    assert.equal(upstream, "auth");
    assert.deepEqual(
      [question.method, question.target, question.host],
      ["GET", "/verify?a", undefined],
    );
    assert.deepEqual(
      [...question.headers],
      [
        ["cookie", "a=1"],
        ["cookie", "b=2"],
        ["X-Forwarded-Method", "POST"],
        ["X-Forwarded-Proto", "https"],
        ["X-Forwarded-Host", "app.test"],
        ["X-Forwarded-Uri", "/a?b=c"],
        ["X-Forwarded-For", "192.0.2.7"],
        ["X-Request-Id", "id-1"],
      ],
    );
  });

  test("lets the request pass after 2xx, with the fields that the answer gives it in place of the client's", async () => {
    const given = answer(204, [
      ["x-user", "anna"],
      ["X-Other", "1"],
    ]);
    const { exchange, decision } = await asked({ copy: "X-User" }, given, { headers: CLAIMS });
    assert.equal(decision.kind, "continue");
    assert.deepEqual(
      [...exchange.request.headers],
      [
        ["Accept", "*/*"],
        ["X-User", "anna"],
      ],
    );
    assert.ok(exchange.plan.ownFields.includes("x-user"), "also behind a body");
  });

  test("takes the client's fields away also where the answer has none, or there is no answer", async () => {
    for (const given of [answer(200), answer(500), NONE]) {
      const options = { copy: "X-User", onFailure: "allow" };
      const { exchange, decision } = await asked(options, given, { headers: CLAIMS });
      assert.equal(decision.kind, "continue");
      assert.deepEqual([...exchange.request.headers], [["Accept", "*/*"]]);
    }
  });

  test("hands any other answer to the client, without what belongs to its connection", async () => {
    for (const status of [302, 401, 403, 404, 500, 503]) {
      const fields: Fields = [
        ["Location", "/login"],
        ["Set-Cookie", "a=1"],
        ["Set-Cookie", "b=2"],
        ["Connection", "close, X-Hop"],
        ["X-Hop", "1"],
        ["Content-Length", "2"],
        ["Transfer-Encoding", "chunked"],
      ];
      const { decision } = await asked({}, answer(status, fields, "no"));
      assert.deepEqual(decision, {
        kind: "respond",
        response: {
          status,
          headers: { location: ["/login"], "set-cookie": ["a=1", "b=2"] },
          body: new TextEncoder().encode("no"),
        },
      });
    }
  });

  test("refuses when there is no answer, unless it is told to let pass", async () => {
    const { decision } = await asked({}, NONE);
    assert.deepEqual(decision, {
      kind: "refuse",
      code: "auth_unavailable",
      detail: "connect_refused 127.0.0.1",
    });
    assert.equal((await asked({ onFailure: "allow" }, NONE)).decision.kind, "continue");
    assert.equal((await asked({ onFailure: "allow" }, answer(503))).decision.kind, "continue");
    assert.equal((await asked({ onFailure: "allow" }, answer(403))).decision.kind, "respond");
  });

  test("only observes when it is told so", async () => {
    const { exchange, decision } = await asked({ mode: "observe", copy: "X-User" }, answer(403), {
      headers: CLAIMS,
    });
    assert.equal(decision.kind, "continue");
    assert.equal(exchange.request.headers.getAll("x-user").length, 2);
    assert.deepEqual(
      [exchange.actions[0]?.action, exchange.actions[0]?.detail],
      ["responded", "403"],
    );
  });

  test("is refused where it would send or copy what is the proxy's own", () => {
    const refused = (options: object, words: RegExp): void =>
      assert.throws(() => readOptions("forwardAuth", { to: "auth", ...options }), words);
    refused({ send: "X-Forwarded-Uri" }, /written by the proxy/);
    refused({ send: ["content-length"] }, /written by the proxy/);
    refused({ copy: "X-Forwarded-For" }, /written by the proxy/);
    refused({ copy: "Content-Length" }, /./);
    refused({ path: "verify" }, /expected a path/);
    refused({ path: "/a#b" }, /expected a path/);
    refused({ timeout: "0s" }, /too small/);
  });
});
