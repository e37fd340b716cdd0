/** What the tests of the examples share: reading one with other addresses in it, and backends to put there. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type RequestListener, type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";

/** The text of a file of an example, with some of its addresses replaced; each has to stand in it. */
export function example(file: string, addresses: Readonly<Record<string, string>>): string {
  let text = readFileSync(join(import.meta.dirname, "../../examples", file), "utf8");
  for (const [written, instead] of Object.entries(addresses)) {
    assert.ok(text.includes(written), `${file} has no ${written}`);
    text = text.replaceAll(written, instead);
  }
  return text;
}

/** A backend. */
export interface Backend {
  readonly server: Server;
  readonly url: string;
}

/** Starts a backend on a free port; it ends with the test. */
export async function startBackend(t: TestContext, listener: RequestListener): Promise<Backend> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** A backend that answers with its name and what it was asked. */
export function telling(name: string): RequestListener {
  return (request, response) => {
    response.setHeader("X-Powered-By", "node");
    response.end(JSON.stringify({ name, url: request.url, headers: request.headers }));
  };
}

/** What `telling` told. */
export interface Told {
  readonly name: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}
