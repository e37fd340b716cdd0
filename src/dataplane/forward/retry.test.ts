import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { failure } from "#core/errors.ts";
import { RequestHead, ResponseHead } from "#core/http/message.ts";
import { Xorshift } from "#core/random.ts";
import type { RetryData } from "#model/snapshot.ts";
import type { Exchange } from "../exchange.ts";
import { RequestBody } from "../request-body.ts";
import { backoff, mayRetry, retryAfterAnswer, RetryBudget } from "./retry.ts";

const CONFIG: RetryData = {
  attempts: 1,
  statuses: [503],
  idempotencyKey: false,
  bufferBytes: 65_536,
  budgetRatio: 0.2,
  budgetMinimum: 3,
};

interface State {
  readonly method?: string;
  readonly attempts?: number;
  readonly started?: boolean;
  readonly limit?: number;
  readonly key?: boolean;
  readonly touched?: boolean;
}

function exchange(state: State = {}): Exchange {
  const request = new RequestHead();
  request.method = state.method ?? "GET";
  if (state.key === true) request.headers.append("Idempotency-Key", "1");
  const body = new RequestBody(state.limit ?? 0);
  body.untouched = state.touched !== true;
  const made = {
    request,
    body,
    attempts: state.attempts ?? 1,
    responseStarted: state.started ?? false,
  };
  return made as unknown as Exchange;
}

const unsent = failure("connect_refused", "", "yes");
const reused = failure("upstream_closed_reused", "", "if-reused");

describe("a failed request", () => {
  it("that was not sent is sent again whatever its method", () => {
    for (const method of ["GET", "POST", "PATCH", "WEIRD"]) {
      assert.ok(mayRetry(exchange({ method }), unsent, CONFIG));
    }
    assert.ok(
      mayRetry(exchange({ limit: -1 }), unsent, CONFIG),
      "of a body too long to keep, nothing went out",
    );
    assert.ok(!mayRetry(exchange({ limit: -1, touched: true }), unsent, CONFIG));
  });

  it("over a reused connection is sent again if that cannot do harm", () => {
    const can = (state: State, config = CONFIG): boolean =>
      mayRetry(exchange(state), reused, config);
    for (const method of ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "QUERY"]) {
      assert.ok(can({ method }), method);
      assert.ok(!can({ method, limit: -1 }), method);
    }
    for (const method of ["POST", "PATCH", "WEIRD"]) {
      assert.ok(!can({ method, key: true }), method);
      assert.ok(!can({ method }, { ...CONFIG, idempotencyKey: true }), method);
    }
    assert.ok(can({ method: "POST", key: true }, { ...CONFIG, idempotencyKey: true }));
  });

  it("is not sent again once the client has an answer, or too often", () => {
    for (const fault of [unsent, reused]) {
      assert.ok(!mayRetry(exchange({ started: true }), fault, CONFIG));
      assert.ok(!mayRetry(exchange({ attempts: 2 }), fault, CONFIG));
      assert.ok(!mayRetry(exchange(), fault, { ...CONFIG, attempts: 0 }));
    }
    assert.ok(!mayRetry(exchange(), failure("upstream_reset"), CONFIG));
  });
});

describe("an answer that may be retried", () => {
  const wait = (status: number, after: string | null, state: State = {}): number => {
    const head = new ResponseHead();
    head.status = status;
    if (after !== null) head.headers.append("Retry-After", after);
    return retryAfterAnswer(exchange(state), head, CONFIG);
  };

  it("is one of the statuses, to a request that may be repeated", () => {
    assert.equal(wait(503, null), 0);
    assert.equal(wait(502, null), -1);
    assert.equal(wait(503, null, { method: "POST" }), -1);
    assert.equal(wait(503, null, { limit: -1 }), -1);
    assert.equal(wait(503, null, { attempts: 2 }), -1);
  });

  it("is delivered if it asks for more patience than ours, or in words that are not understood", () => {
    assert.equal(wait(503, "0"), 0);
    assert.equal(wait(503, "2"), 2000);
    for (const after of [
      "3",
      "999999999",
      "9999999999999",
      "-1",
      "1.5",
      "",
      "Wed, 21 Oct 2015 07:28:00 GMT",
    ]) {
      assert.equal(wait(503, after), -1, after);
    }
  });
});

describe("the budget", () => {
  it("is a share of the requests under way, but at least a few", () => {
    const budget = new RetryBudget();
    const takeAll = (): number => {
      let taken = 0;
      while (taken < 1000 && budget.tryTake(CONFIG)) taken++;
      return taken;
    };
    budget.begin();
    assert.equal(takeAll(), 3);
    budget.end(3);
    for (let i = 0; i < 50; i++) budget.begin();
    assert.equal(takeAll(), 10);
    budget.end(4);
    assert.equal(takeAll(), 3, "9 of 49, and 6 are taken");
  });
});

it("the backoff is anything up to a step that doubles to a quarter of a second", () => {
  const random = new Xorshift(1);
  for (const [attempts, most] of [
    [1, 25],
    [2, 50],
    [4, 200],
    [5, 250],
    [1000, 250],
  ] as const) {
    let longest = 0;
    for (let i = 0; i < 200; i++) {
      const delay = backoff(attempts, random);
      assert.ok(delay >= 0 && delay <= most);
      longest = Math.max(longest, delay);
    }
    assert.ok(longest > most * 0.8);
  }
});
