/** Exchanges whose filters wait, while clients and backends do not. */

import assert from "node:assert/strict";
import { CONTINUE, respond, type Filter, type Verdict } from "#sdk/filter.ts";
import { get, post, request } from "../../harness/client.ts";
import { inlineFilter } from "../../harness/proxy.ts";
import { response } from "../../harness/origin.ts";
import { scene, type SceneOptions } from "../../harness/scene.ts";
import { statusOf, valueOf } from "../../harness/wire.ts";

/** A filter whose verdicts the test gives, one per exchange. */
class Waiting implements Filter {
  readonly verdicts: PromiseWithResolvers<Verdict>[] = [];
  onRequestHead?: () => Promise<Verdict>;
  onResponseHead?: () => Promise<Verdict>;

  constructor(hook: "onRequestHead" | "onResponseHead") {
    this[hook] = () => {
      const verdict = Promise.withResolvers<Verdict>();
      this.verdicts.push(verdict);
      return verdict.promise;
    };
  }
  get options(): SceneOptions {
    return { route: { filters: [inlineFilter("waits")] }, inline: () => this };
  }
}

async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise(setImmediate);
}

const answers = new Waiting("onResponseHead");
scene(
  "an answer that a filter thinks about is not overwritten by another's",
  answers.options,
  async (stage) => {
    const first = await stage.exchange(get("/1"));
    await first.backend.readHead();
    first.backend.send(response("201 Created", "first", "X-Whose: first"));
    await turns();
    assert.equal(answers.verdicts.length, 1);
    // The first answer is complete: were its connection used again now, its head would be another's.
    const second = await stage.exchange(get("/2"));
    await second.backend.readHead();
    second.backend.send(response("202 Accepted", "second", "X-Whose: second"));
    await turns();
    answers.verdicts[1]!.resolve(CONTINUE);
    const other = await second.client.readResponse();
    assert.equal(statusOf(other), 202);
    assert.equal(valueOf(other, "x-whose"), "second");
    answers.verdicts[0]!.resolve(CONTINUE);
    const own = await first.client.readResponse();
    assert.equal(statusOf(own), 201);
    assert.equal(valueOf(own, "x-whose"), "first");
    assert.equal(own.body.toString(), "first");
  },
);

const kept = new Waiting("onResponseHead");
scene(
  "a connection whose answer went on after the filter's verdict is kept",
  kept.options,
  async (stage) => {
    const { client, backend } = await stage.exchange(get("/"));
    await backend.readHead();
    backend.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbegin");
    await turns();
    kept.verdicts[0]!.resolve(CONTINUE);
    await client.readThrough("begin");
    backend.send("ended");
    await client.readThrough("ended");
    assert.equal(stage.proxy.endpoints.idle(0), 1);
  },
);

const slow = new Waiting("onResponseHead");
scene(
  "a backend is not slow while a filter thinks about its answer",
  { ...slow.options, upstreamTimeouts: { responseIdle: 100 } },
  async (stage) => {
    const { client, backend } = await stage.exchange(get("/"));
    await backend.readHead();
    backend.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n");
    await turns();
    await new Promise((resolve) => setTimeout(resolve, 250));
    slow.verdicts[0]!.resolve(CONTINUE);
    await client.readThrough("begin\r\n");
    backend.send("0\r\n\r\n");
    await client.readThrough("0\r\n\r\n");
    assert.equal((await stage.proxy.nextRecord()).failure, null);
  },
);

const broken = new Waiting("onResponseHead");
scene(
  "a backend that breaks while a filter thinks is still a failure",
  broken.options,
  async (stage) => {
    const { client, backend } = await stage.exchange(get("/"));
    await backend.readHead();
    backend.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbegin");
    await turns();
    backend.reset();
    await turns();
    broken.verdicts[0]!.resolve(CONTINUE);
    assert.equal(statusOf(await client.readResponse()), 502);
    assert.equal((await stage.proxy.nextRecord()).failure, "response_truncated");
  },
);

const asked = new Waiting("onRequestHead");
scene(
  "a request waits for its filter with its body, and none of it is lost",
  asked.options,
  async (stage) => {
    const client = await stage.client();
    client.send(post("/", "the body".repeat(20_000)));
    await turns();
    assert.equal(stage.origin.accepted, 0);
    asked.verdicts[0]!.resolve(CONTINUE);
    const backend = await stage.origin.connection();
    assert.equal((await backend.readRequest()).body.toString(), "the body".repeat(20_000));
    backend.send(response("200 OK"));
    assert.equal(statusOf(await client.readResponse()), 200);
  },
);

const denied = new Waiting("onRequestHead");
scene(
  "a filter that denies late denies, with the body on its way",
  denied.options,
  async (stage) => {
    const client = await stage.client();
    client.send(request("POST / HTTP/1.1", ["Content-Length: 1000000"], "begin"));
    await turns();
    denied.verdicts[0]!.resolve(respond({ status: 403, body: "no" }));
    const answer = await client.readResponse();
    assert.equal(statusOf(answer), 403);
    assert.equal(valueOf(answer, "connection"), "close");
    assert.equal(stage.origin.accepted, 0);
  },
);

for (const [name, filter] of [
  ["request", new Waiting("onRequestHead")],
  ["answer", new Waiting("onResponseHead")],
] as const) {
  scene(
    `a client that leaves while a filter thinks about its ${name} is gone`,
    filter.options,
    async (stage) => {
      const client = await stage.client();
      client.send(get("/"));
      if (name === "answer") {
        const backend = await stage.origin.connection();
        await backend.readHead();
        backend.send(response("200 OK", "body"));
      }
      await turns();
      client.reset();
      assert.equal((await stage.proxy.nextRecord()).failure, "client_gone");
      filter.verdicts[0]!.resolve(CONTINUE);
      await turns();
      assert.equal(stage.proxy.records.length, 1);
    },
  );
}
