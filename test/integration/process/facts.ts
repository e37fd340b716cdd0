/** What the tests of the whole process share: who answered, what the metrics say, which descriptors are open. */

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import type { Agent } from "node:http";
import { get, type IncomingHttpHeaders } from "node:http";
import { setTimeout } from "node:timers/promises";

import { connectTo, get as request } from "../../harness/client.ts";
import type { Sluice } from "../../harness/sluice.ts";
import { statusOf, valueOf, type Wire } from "../../harness/wire.ts";

/** An answer, with what the proxy says about it. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** One GET, on a connection of its own unless an agent keeps them. Rejects without an answer. */
export function ask(url: string, agent: Agent | false = false): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text));
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
      });
      response.on("error", reject);
    });
    request.on("error", reject);
  });
}

/** How many of the answers have each status, as `{ 200: 3 }`. */
export function countStatuses(answers: readonly Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

/** The failure code in an answer's `Proxy-Status`, such as `queue_full`; "" without one. */
export function codeOf({ headers }: Answer): string {
  const [, code = ""] = /details="([a-z_0-9]+)/.exec(String(headers["proxy-status"] ?? "")) ?? [];
  return code;
}

/** Sum of all samples of a metric whose line holds all of `labels` (such as `route="/*"`). */
export async function metric(admin: string, name: string, ...labels: string[]): Promise<number> {
  const { status, body } = await ask(`${admin}/metrics`);
  assert.equal(status, 200);
  let sum = 0;
  for (const line of body.split("\n")) {
    const named = line.startsWith(`${name} `) || line.startsWith(`${name}{`);
    if (named && labels.every((label) => line.includes(label))) {
      sum += Number(line.slice(line.lastIndexOf(" ")));
    }
  }
  return sum;
}

/** Looks again and again until it holds. What never does is ended by the time limit of the test run. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await setTimeout(20);
}

/** Whether descriptors of another process can be counted here. */
export const canCountDescriptors: boolean = process.platform === "linux";

/** Descriptors that a process has open. */
export function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/**
 * A configuration in TypeScript whose route says in `X-Worker` which worker answered.
 *
 * @param rest further keys, as JSON
 * @param filters further members of the filter, as source text
 */
export function workerConfig(rest: object, route: object = {}, filters = ""): string {
  return `
    import { threadId } from "node:worker_threads";
    import { CONTINUE, defineConfig } from "sluice";
    export default defineConfig({
      ...${JSON.stringify(rest)},
      routes: [{
        match: "/*",
        to: "app",
        ...${JSON.stringify(route)},
        use: [{
          onResponseHead({ response }) {
            response.headers.set("X-Worker", String(threadId));
            return CONTINUE;
          },
          ${filters}
        }],
      }],
    });`;
}

/** The address of the admin listener, once it is said. */
export async function adminOf(sluice: Sluice): Promise<string> {
  const said = /metrics and health on (http:[^\s"]+)/;
  await sluice.said(said);
  return said.exec(sluice.stderr())?.[1] ?? "";
}

/** A client's connection that is kept, and the worker that serves it. */
export interface Kept {
  readonly wire: Wire;
  readonly worker: string;
}

/** Connections of which each of two workers serves at least one; all others are closed again. */
export async function oneInEachWorker(port: number): Promise<[Kept, Kept]> {
  for (;;) {
    const all = await Promise.all(Array.from({ length: 20 }, () => keepOne(port)));
    const [first] = all;
    const second = all.find(({ worker }) => worker !== first?.worker);
    for (const each of all) if (each !== first && each !== second) each.wire.end();
    if (first !== undefined && second !== undefined) return [first, second];
    first?.wire.end();
  }
}

async function keepOne(port: number): Promise<Kept> {
  const wire = await connectTo(port);
  wire.send(request("/"));
  const answer = await wire.readResponse();
  assert.equal(statusOf(answer), 200);
  return { wire, worker: valueOf(answer, "x-worker") ?? assert.fail("it says which worker") };
}
