import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { RequestHead, ResponseHead } from "#core/http/message.ts";
import { CONTINUE, RESET, type Filter, refuse, respond } from "#sdk/index.ts";
import type { LinkedRoute } from "../linked.ts";
import { Plan } from "../plan.ts";
import { FilterRun } from "./run.ts";
import type { FilterSubject } from "./view.ts";

interface Scene {
  readonly run: FilterRun;
  readonly request: RequestHead;
  readonly plan: Plan;
  readonly response: ResponseHead;
}

/** An exchange on a route whose first filter only observes. */
function observed(first: Filter<unknown>, second: Filter<unknown> = {}): Scene {
  const request = new RequestHead();
  request.headers.append("X-Kept", "1");
  const plan = new Plan();
  plan.target = "/a?b";
  const response = new ResponseHead();
  response.status = 200;
  response.headers.append("X-Own", "1");
  const subject: FilterSubject = {
    request,
    plan,
    response,
    scheme: "http",
    clientIp: "192.0.2.1",
    requestId: "id",
    local: false,
  };
  const all = [first, second].map((filter, index) => ({
    name: `filter${index}`,
    place: "",
    pure: false,
    observe: index === 0,
    slot: index,
    summary: "",
    filter,
  }));
  const having = (hook: keyof Filter): number[] =>
    [0, 1].filter((index) => all[index]!.filter[hook] !== undefined);
  const filters = {
    all,
    requestHead: having("onRequestHead"),
    requestData: having("onRequestData"),
    responseHead: having("onResponseHead").toReversed(),
    end: having("onEnd"),
  };
  const run = new FilterRun(subject, { name: "shop", filters } as unknown as LinkedRoute);
  return { run, request, plan, response };
}

describe("a filter that only observes", () => {
  for (const [what, verdict, action, detail] of [
    ["answer", respond({ status: 403 }), "responded", "403"],
    ["refuse", refuse("rate_limited"), "refused", "rate_limited"],
    ["cut the connection", RESET, "reset", ""],
  ] as const) {
    test(`does not ${what}, and it is noted that it would have`, async () => {
      for (const hook of [() => verdict, () => Promise.resolve(verdict)]) {
        const { run } = observed({ onRequestHead: hook, onRequestData: () => verdict });
        assert.deepEqual(await run.requestHead(), CONTINUE);
        assert.deepEqual(run.requestData(new Uint8Array(1)), CONTINUE);
        const expected = { filter: "filter0", slot: 0, observed: true, action, detail };
        assert.deepEqual(run.actions, [expected, expected]);
      }
    });
  }

  test("that throws fails nothing", async () => {
    const { run } = observed({
      onRequestHead: () => {
        throw new Error("broken");
      },
      onResponseHead: () => Promise.reject(new Error("late")),
    });
    assert.deepEqual(run.requestHead(), CONTINUE);
    assert.deepEqual(await run.responseHead(), CONTINUE);
    assert.deepEqual(
      run.actions?.map(({ action, detail }) => [action, detail]),
      [
        ["failed", "filter0 at : broken"],
        ["failed", "filter0 at : late"],
      ],
    );
  });

  test("changes nothing of the request or the response, and it is noted what it would have changed", () => {
    const seen: unknown[] = [];
    const { run, request, plan, response } = observed(
      {
        onRequestHead(context) {
          context.request.headers.set("X-Kept", "2");
          context.request.headers.append("X-New", "3");
          context.request.target = "/c";
          context.request.host = "other";
          return CONTINUE;
        },
        onResponseHead(context) {
          context.response.status = 500;
          context.response.headers.delete("x-own");
          return CONTINUE;
        },
      },
      {
        onRequestHead(context) {
          seen.push([...context.request.headers], context.request.target);
          return CONTINUE;
        },
      },
    );
    assert.deepEqual(run.requestHead(), CONTINUE);
    assert.deepEqual(run.responseHead(), CONTINUE);
    assert.deepEqual([...request.headers], [["X-Kept", "1"]]);
    assert.deepEqual(seen, [[["X-Kept", "1"]], "/a?b"]);
    assert.deepEqual([plan.target, plan.host], ["/a?b", ""]);
    assert.deepEqual([response.status, [...response.headers]], [200, [["X-Own", "1"]]]);
    assert.deepEqual(
      run.actions?.map(({ action, detail }) => [action, detail]),
      [
        ["changed", "target, host, x-kept, x-new"],
        ["changed", "status, x-own"],
      ],
    );
  });

  test("that changes nothing and lets all pass is not noted", () => {
    const { run } = observed({ onRequestHead: () => CONTINUE, onResponseHead: () => CONTINUE });
    void run.requestHead();
    void run.responseHead();
    assert.equal(run.actions, null);
  });

  test("sees what the filters before it have made of the request, and is told the end with its own state", () => {
    let ended: unknown;
    const first: Filter<{ count: number }> = {
      start: () => ({ count: 0 }),
      onRequestHead({ state }) {
        state.count++;
        return CONTINUE;
      },
      onEnd: ({ state }) => void (ended = state),
    };
    const { run } = observed(first);
    void run.requestHead();
    const outcome = { status: 200, failure: "", requestBytes: 0, responseBytes: 0, duration: 0 };
    run.end(outcome, () => assert.fail());
    assert.deepEqual(ended, { count: 1 });
  });
});

test("what a filter that does not only observe decides is noted as done", () => {
  const { run } = observed({}, { onRequestHead: () => refuse("access_denied") });
  void run.requestHead();
  assert.deepEqual(run.actions, [
    { filter: "filter1", slot: 1, observed: false, action: "refused", detail: "access_denied" },
  ]);
});
