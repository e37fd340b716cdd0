/**
 * The collection of ambiguous requests, sent through a whole data plane over real sockets to a backend that keeps
 * every byte. What has reached it is read by Node's own parser.
 */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test, type TestContext } from "node:test";

import { readRequests } from "#protocol/http1/feed.fixture.ts";
import {
  type LlhttpMessage,
  llhttpRequests,
  llhttpResponses,
} from "../../conformance/http1/llhttp.ts";
import { smugglingCorpus, type SmugglingCase } from "../../conformance/http1/smuggling-corpus.ts";
import { startProxy } from "../../harness/proxy.ts";

/** Cases under way at the same time. */
const AT_ONCE = 32;

/** Well-formed, but no route takes it: backends read it in several ways. */
const REFUSED_PATH = /%00/;

/** Waits behind a request that must be refused, on the same connection. */
const FOLLOW_UP = "GET /follow-up HTTP/1.1\r\nHost: a\r\n\r\n";

/** A backend that keeps what arrives on each connection, and answers each complete request. */
interface Recorder {
  readonly port: number;
  readonly streams: readonly Buffer[][];
  /** Requests that are complete and were not asked for yet, in the order in which they were completed. */
  take(): LlhttpMessage[];
}

async function startRecorder(t: TestContext): Promise<Recorder> {
  const requests: LlhttpMessage[] = [];
  const streams: Buffer[][] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const stream: Buffer[] = [];
    let answered = 0;
    streams.push(stream);
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (bytes) => {
      stream.push(bytes);
      for (const request of completeIn(stream).slice(answered)) {
        requests.push(request);
        answered++;
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    streams,
    take: () => requests.splice(0),
  };
}

function completeIn(stream: readonly Buffer[]): LlhttpMessage[] {
  return llhttpRequests(Buffer.concat(stream)).messages.filter(({ complete }) => complete);
}

/** Sends bytes and returns what was answered until the proxy closed the connection, for which only it has a reason. */
async function send(port: number, wire: string): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  let answers = "";
  socket.setEncoding("latin1").on("data", (text: string) => (answers += text));
  socket.on("error", () => undefined);
  socket.on("end", () => socket.end());
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.write(wire, "latin1");
  await closed;
  return answers;
}

/** Runs all cases, some at a time; one failure is told of all. */
async function each(
  cases: readonly SmugglingCase[],
  atOnce: number,
  check: (one: SmugglingCase) => Promise<void>,
): Promise<void> {
  const failed: string[] = [];
  const left = cases.values();
  const run = async (): Promise<void> => {
    for (const one of left) {
      await check(one).catch((error: unknown) => {
        failed.push(`${one.name}\n    ${error instanceof Error ? error.message : String(error)}`);
      });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, run));
  assert.equal(failed.length, 0, `${failed.length} cases:\n${failed.slice(0, 20).join("\n")}`);
}

const corpus = smugglingCorpus();

test("of requests that must be refused nothing complete reaches a backend, nor what is behind them", async (t) => {
  const recorder = await startRecorder(t);
  const proxy = await startProxy({ backends: [recorder.port], quiet: true });
  const refused = corpus.filter(({ verdict }) => verdict === "refuse");
  await each(refused, AT_ONCE, async ({ wire }) => {
    const answers = await send(proxy.port, wire + FOLLOW_UP);
    const { messages, error } = llhttpResponses(answers, ["GET"]);
    assert.equal(error, null);
    assert.equal(messages.length, 1, answers);
    assert.ok(messages[0] !== undefined && messages[0].status >= 400, answers);
  });
  await proxy.close();
  assert.deepEqual(recorder.take(), []);
  for (const stream of recorder.streams) {
    const text = Buffer.concat(stream).toString("latin1");
    assert.doesNotMatch(text, /^GET \/(?:smuggled|follow-up)/m);
  }
});

test("of requests that are only odd a backend gets exactly what they say", async (t) => {
  const recorder = await startRecorder(t);
  const proxy = await startProxy({ backends: [recorder.port], quiet: true });
  const sound = corpus.filter(({ verdict }) => verdict === "forward");
  // One at a time: what arrives is that case's.
  await each(sound, 1, async ({ wire }) => {
    const answers = await send(proxy.port, `${wire}no request\r\n\r\n`);
    const expected = readRequests(wire)
      .requests.filter(({ complete, target }) => complete && !REFUSED_PATH.test(target))
      .map(({ method, target, body }) => ({ method, url: target, body, version: "1.1" }));
    const arrived = recorder.take();
    assert.deepEqual(
      arrived.map(({ method, url, body, version }) => ({ method, url, body, version })),
      expected,
    );
    const statuses = llhttpResponses(answers, Array(8).fill("GET")).messages.map(
      ({ status }) => status,
    );
    assert.equal(statuses.filter((status) => status === 200).length, expected.length, answers);
  });
  await proxy.close();
  for (const stream of recorder.streams) {
    assert.equal(llhttpRequests(Buffer.concat(stream)).error, null);
  }
});
