/**
 * A client, a proxy and a backend for one test. When the test is over, everything is closed, and it fails if
 * the proxy left anything behind: a connection to the backend that it neither uses nor keeps for use, or a gauge
 * that is not back at zero.
 */

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { connectTo } from "./client.ts";
import { startOrigin, type Origin, type Script } from "./origin.ts";
import { startProxy, type ProxyOptions, type TestProxy } from "./proxy.ts";
import type { Wire } from "./wire.ts";

/** What a scene has. */
export interface Scene {
  readonly proxy: TestProxy;
  readonly origin: Origin;
  /** A new connection to the proxy. */
  readonly client: () => Promise<Wire>;
  /** Sends a request on a new connection to the proxy; both ends of it. */
  readonly exchange: (request: string) => Promise<{ client: Wire; backend: Wire }>;
}

/** Options of a scene; the backend is added unless there are others. */
export interface SceneOptions extends ProxyOptions {
  /** What the backend does; without it, the test does it. */
  readonly script?: Script;
}

/** No single step of a scene takes longer than this; a scene that hangs says so soon, in milliseconds. */
const HANGS_AFTER = 30_000;

/** Defines a test that plays in a scene. */
export function scene(
  name: string,
  options: SceneOptions | ((origin: Origin) => SceneOptions | Promise<SceneOptions>),
  play: (scene: Scene, context: TestContext) => Promise<void>,
): void {
  void test(name, { timeout: HANGS_AFTER }, (context) => playScene(options, play, context));
}

/** Plays one scene inside a test. */
export async function playScene(
  options: SceneOptions | ((origin: Origin) => SceneOptions | Promise<SceneOptions>),
  play: (scene: Scene, context: TestContext) => Promise<void>,
  context: TestContext,
): Promise<void> {
  const origin = await startOrigin();
  const chosen = typeof options === "function" ? await options(origin) : options;
  origin.script = chosen.script;
  const proxy = await startProxy({ backends: [origin.port], ...chosen });
  const clients: Wire[] = [];
  const client = async (): Promise<Wire> => {
    const wire = await connectTo(proxy.port);
    clients.push(wire);
    return wire;
  };
  const exchange: Scene["exchange"] = async (text) => {
    const wire = await client();
    wire.send(text);
    return { client: wire, backend: await origin.connection() };
  };
  const whole = async (): Promise<void> => {
    await play({ proxy, origin, client, exchange }, context);
    for (const wire of clients) wire.reset();
    await settle(proxy, origin, chosen.backends?.length ?? 1);
  };
  try {
    await Promise.race([whole(), timedOut(context)]);
  } finally {
    for (const wire of clients) wire.socket.destroy();
    await proxy.close();
    await origin.close();
  }
}

/** Rejects when the test has taken too long, so that what hangs is closed all the same. */
function timedOut({ signal }: TestContext): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(new Error("the scene hangs")), { once: true });
  });
}

/** Waits until no exchange is under way; then every connection to the backend is one that is kept for use. */
async function settle(proxy: TestProxy, origin: Origin, backends: number): Promise<void> {
  while (proxy.worker.totals().exchanges > 0) await proxy.nextRecord();
  let used = 0;
  let idle = 0;
  for (let slot = 0; slot < backends; slot++) {
    assert.equal(proxy.endpoints.inFlight(slot), 0, "no request is counted as under way");
    used += proxy.endpoints.connections(slot);
    idle += proxy.endpoints.idle(slot);
  }
  assert.equal(used, idle, "connections that are not used are idle");
  await origin.openAtMost(idle);
}

/** Turns of the event loop until it holds. For states of the proxy that nobody announces. */
export async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + HANGS_AFTER / 2;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`never came true: ${String(holds)}`);
    await new Promise(setImmediate);
  }
}
