import assert from "node:assert/strict";
import { test } from "node:test";
import { CONTINUE, respond, type Filter, type Verdict } from "#sdk/filter.ts";
import { inlineFilter } from "../../test/harness/proxy.ts";
import { answer, play, type MemorySceneOptions } from "./memory-scene.fixture.ts";

const GET = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";
const withoutVerdict = (): Verdict => undefined as unknown as Verdict;

function using(...filters: Filter[]): MemorySceneOptions {
  const byPlace = new Map(filters.map((filter, index) => [`routes[0].use[${index}]`, filter]));
  return {
    route: { filters: filters.map((_, index) => inlineFilter(String(index))) },
    inline: (place) => byPlace.get(place) ?? null,
  };
}

/** Splits what a client got into its answers: heads, and bodies as their heads announce them. */
function answersIn(text: string): { head: string; body: string }[] {
  const answers: { head: string; body: string }[] = [];
  for (let at = 0; at < text.length;) {
    const end = text.indexOf("\r\n\r\n", at);
    assert.ok(
      end >= 0 && text.startsWith("HTTP/1.1 ", at),
      `no head at ${text.slice(at, at + 80)}`,
    );
    const head = text.slice(at, end + 2);
    const bodiless = / (204|304) /.test(head.slice(0, 14));
    const length = bodiless ? 0 : Number(/Content-Length: (\d+)/i.exec(head)?.[1] ?? NaN);
    assert.ok(!Number.isNaN(length), `no length in ${head}`);
    answers.push({ head, body: text.slice(end + 4, end + 4 + length) });
    at = end + 4 + length;
  }
  return answers;
}

for (const status of [204, 304]) {
  test(`a filter that answers ${status} with a body sends none, and the next answer is the next request's`, async () => {
    const answers: Filter = {
      onRequestHead: ({ request }) =>
        request.path === "/none" ? respond({ status, body: "HTTP/1.1 200 OK\r\n\r\n" }) : CONTINUE,
    };
    await play(
      { ...using(answers), script: (peer) => peer.send(answer("200 OK", "own")) },
      (stage) => {
        const client = stage.client(`GET /none HTTP/1.1\r\nHost: test\r\n\r\n${GET}`);
        const [first, second] = answersIn(client.text);
        assert.match(first!.head, new RegExp(`^HTTP/1.1 ${status} `));
        assert.equal(second!.body, "own");
      },
    );
  });

  test(`an answer that a filter turns into ${status} loses its body`, async () => {
    const turns: Filter = {
      onResponseHead({ request, response }) {
        if (request.path === "/none") response.status = status;
        return CONTINUE;
      },
    };
    await play(
      { ...using(turns), script: (peer) => peer.send(answer("200 OK", "own")) },
      (stage) => {
        const client = stage.client(`GET /none HTTP/1.1\r\nHost: test\r\n\r\n${GET}`);
        const [first, second] = answersIn(client.text);
        assert.match(first!.head, new RegExp(`^HTTP/1.1 ${status} `));
        assert.equal(second!.body, "own");
      },
    );
  });

  test(`an answer without a body (${status}) that a filter turns into 200 says that there is none`, async () => {
    const turns: Filter = {
      onResponseHead({ response }) {
        response.status = 200;
        return CONTINUE;
      },
    };
    const bodiless = `HTTP/1.1 ${status} X\r\n${status === 304 ? "Content-Length: 99\r\n" : ""}\r\n`;
    await play({ ...using(turns), script: (peer) => peer.send(bodiless) }, (stage) => {
      const client = stage.client(GET + GET);
      const answers = answersIn(client.text);
      assert.equal(answers.length, 2);
      for (const { head } of answers) assert.match(head, /Content-Length: 0\r\n/);
    });
  });
}

for (const [what, filter] of [
  ["a request hook without a verdict", { onRequestHead: withoutVerdict }],
  ["an answer hook without a verdict", { onResponseHead: withoutVerdict }],
  ["a body hook without a verdict", { onRequestData: withoutVerdict }],
  ["a late request hook without a verdict", { onRequestHead: async () => withoutVerdict() }],
  ["a late answer hook without a verdict", { onResponseHead: async () => withoutVerdict() }],
  [
    "a state that cannot be made",
    {
      start() {
        throw new Error("broken");
      },
      onRequestHead: () => CONTINUE,
      onEnd() {
        assert.fail("a filter without state is not told the end");
      },
    },
  ],
] as [string, Filter][]) {
  test(`${what} is a failure of the filter, not of the worker`, async () => {
    await play(
      { ...using(filter), script: (peer) => peer.send(answer("200 OK")) },
      async (stage) => {
        const client = stage.client("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n\r\nx");
        await stage.turns();
        assert.match(client.text, /^HTTP\/1.1 500 /);
        assert.equal(stage.proxy.records[0]!.failure, "filter_failed");
        assert.match(stage.proxy.records[0]!.failureDetail, /use\[0\]/);
      },
    );
  });
}

test("a filter sees a body only after every filter has let the request pass", async () => {
  const seen: string[] = [];
  const verdict = Promise.withResolvers<Verdict>();
  const waits: Filter = { onRequestHead: () => verdict.promise };
  const counts: Filter = {
    onRequestHead() {
      seen.push("head");
      return CONTINUE;
    },
    onRequestData(_context, chunk) {
      seen.push(Buffer.from(chunk).toString());
      return CONTINUE;
    },
  };
  await play(using(waits, counts), async (stage) => {
    const client = stage.client("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nbegin");
    assert.deepEqual(seen, []);
    verdict.resolve(CONTINUE);
    await stage.turns();
    assert.equal(seen[0], "head");
    client.send("ended");
    stage.run();
    assert.equal(seen.slice(1).join(""), "beginended");
    assert.match(stage.backends[0]!.text, /beginended$/);
    stage.backends[0]!.send(answer("200 OK"));
    stage.run();
    assert.match(client.text, /^HTTP\/1.1 200 /);
  });
});

test("a body that a filter refuses when it gets to see it late is refused", async () => {
  const verdict = Promise.withResolvers<Verdict>();
  const waits: Filter = {
    onRequestHead: () => verdict.promise,
    onRequestData: () => respond({ status: 413 }),
  };
  await play(using(waits), async (stage) => {
    const client = stage.client("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nbegin");
    verdict.resolve(CONTINUE);
    await stage.turns();
    assert.match(client.text, /^HTTP\/1.1 413 /);
    assert.equal(stage.backends.length, 0);
  });
});

test("a verdict that comes after the request was refused for something else changes nothing", async () => {
  let early = 0;
  for (let seed = 1; seed <= 30; seed++) {
    const request = Promise.withResolvers<Verdict>();
    const response = Promise.withResolvers<Verdict>();
    let refused = false;
    const waits: Filter = {
      onRequestHead: () => request.promise,
      onResponseHead() {
        refused = true;
        return response.promise;
      },
    };
    await play({ ...using(waits), seed }, async (stage) => {
      const client = stage.client(
        "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\nnonsense\r\n",
      );
      // Whether the nonsense is seen before the client is paused depends on how the bytes arrive.
      const seenFirst = refused;
      if (seenFirst) early++;
      request.resolve(CONTINUE);
      await stage.turns();
      if (seenFirst) assert.equal(stage.backends.length, 0, "nothing of it is forwarded");
      response.resolve(CONTINUE);
      await stage.turns();
      assert.match(client.text, /^HTTP\/1.1 400 /);
      assert.equal(answersIn(client.text).length, 1);
    });
  }
  assert.ok(early > 0 && early < 30, `${early} of 30`);
});

test("a client that reads again does not make the proxy collect an answer that a filter still thinks about", async () => {
  const verdict = Promise.withResolvers<Verdict>();
  const waits: Filter = {
    onResponseHead: ({ request }) => (request.path === "/slow" ? verdict.promise : CONTINUE),
  };
  const big = "x".repeat(300_000);
  await play(using(waits), async (stage) => {
    const client = stage.client();
    client.connection!.pause();
    client.send(`GET / HTTP/1.1\r\nHost: test\r\n\r\nGET /slow HTTP/1.1\r\nHost: test\r\n\r\n`);
    stage.run();
    stage.backends[0]!.send(answer("200 OK", big));
    stage.run();
    client.connection!.resume();
    stage.run();
    const backend = stage.backends.at(-1)!;
    backend.send(`HTTP/1.1 103 Early Hints\r\nX-Big: ${"y".repeat(30_000)}\r\n\r\n`.repeat(8));
    client.connection!.pause();
    stage.run();
    backend.send(answer("200 OK", big.repeat(10)));
    stage.run();
    const before = backend.connection!.queued;
    client.connection!.resume();
    stage.run();
    assert.ok(before > 2_000_000 && backend.connection!.queued > 2_000_000, "the backend waits");
    verdict.resolve(CONTINUE);
    await stage.turns();
    assert.ok(client.text.endsWith("x"));
    assert.equal(backend.connection!.queued, 0);
  });
});
