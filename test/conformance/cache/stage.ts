/**
 * A proxy with a cache, a backend that answers by rules, and a clock that the test moves. A step is a request with what
 * has to come of it; a table of steps is a test.
 */

import assert from "node:assert/strict";
import { httpDate } from "#core/time/calendar.ts";
import type { FilterData } from "#model/snapshot.ts";
import { get } from "../../harness/client.ts";
import { readOptions } from "../../harness/filter.ts";
import { type Scene, type SceneOptions, scene } from "../../harness/scene.ts";
import type { Message } from "../../harness/wire.ts";

/** When the tests begin: Sun, 06 Nov 1994 08:49:37 GMT. */
export const START = 784_111_777_000;

/** A date, so many seconds from the start of the test. */
export function date(seconds: number): string {
  return httpDate(START + seconds * 1000);
}

/** What the backend answers. */
export interface OriginAnswer {
  /** `200 OK` unless given. */
  readonly status?: string;
  readonly fields?: readonly string[];
  /** Unless given, `answer 1` for the first request that the backend sees, and so on. */
  readonly body?: string;
  /** Without Content-Length. */
  readonly chunked?: boolean;
}

/** A request and what has to come of it. */
export interface Step {
  /** Seconds since the start. */
  readonly at?: number;
  /** `GET` unless given. */
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
  readonly fields?: readonly string[];
  /** What the backend will say if it is asked; by default what it was last told to say. */
  readonly origin?: OriginAnswer;

  /** Is the backend asked? */
  readonly asked: boolean;
  /** Fields that the backend sees, or (null) does not. */
  readonly sees?: Readonly<Record<string, string | null>>;
  /** 200 unless given. */
  readonly status?: number;
  readonly body?: string;
  /** Of the answer: what a field is, matches, or that it is not there (null). */
  readonly answer?: Readonly<Record<string, string | RegExp | null>>;
}

/** What a route with a cache of these options is. */
export function cacheFilter(options: unknown = {}): FilterData {
  return {
    kind: "built-in",
    name: "cache",
    place: "routes[0].use[0]",
    config: readOptions("cache", options),
    observe: false,
    slot: -1,
    memory: null,
  };
}

/** The values of a field, joined. */
export function fieldOf({ fields }: Pick<Message, "fields">, name: string): string | null {
  const values = fields.filter(([one]) => one.toLowerCase() === name).map(([, value]) => value);
  return values.length === 0 ? null : values.join(", ");
}

/** Defines a test: the steps are taken one after the other. `options`: of the cache. */
export function rule(name: string, steps: readonly Step[], options: unknown = {}): void {
  const clock = { now: START };
  const asked: Message[] = [];
  let answer: OriginAnswer = {};
  const settings: SceneOptions = {
    route: { filters: [cacheFilter(options)] },
    wall: () => clock.now,
    script: async (wire) => {
      for (;;) {
        const request = await wire.readRequest();
        asked.push(request);
        wire.send(textOf(answer, asked.length, request.startLine.startsWith("HEAD ")));
      }
    },
  };
  scene(name, settings, async (stage) => {
    for (const [index, step] of steps.entries()) {
      clock.now = START + (step.at ?? 0) * 1000;
      if (step.origin !== undefined) answer = step.origin;
      await take(stage, step, asked, `step ${index + 1}`);
    }
  });
}

async function take(stage: Scene, step: Step, asked: Message[], label: string): Promise<void> {
  const before = asked.length;
  const method = step.method ?? "GET";
  const client = await stage.client();
  client.send(requestOf(step, method));
  const response = await client.readResponse(method);
  assert.equal(asked.length - before, step.asked ? 1 : 0, `${label}: requests to the backend`);
  assert.equal(statusOf(response), step.status ?? 200, `${label}: status`);
  if (step.body !== undefined) {
    assert.equal(response.body.toString("latin1"), step.body, `${label}: body`);
  }
  for (const [name, wanted] of Object.entries(step.answer ?? {})) {
    const value = fieldOf(response, name);
    if (wanted instanceof RegExp) assert.match(value ?? "", wanted, `${label}: ${name}`);
    else assert.equal(value, wanted, `${label}: ${name}`);
  }
  for (const [name, wanted] of Object.entries(step.sees ?? {})) {
    assert.equal(fieldOf(asked.at(-1)!, name), wanted, `${label}: ${name} at the backend`);
  }
  client.end();
}

/** The status of an answer. */
export function statusOf({ startLine }: Pick<Message, "startLine">): number {
  return Number(startLine.split(" ")[1]);
}

function requestOf(step: Step, method: string): string {
  const text = get(step.path ?? "/", ...(step.fields ?? []));
  const host = step.host === undefined ? text : text.replace(/^Host: .*$/m, `Host: ${step.host}`);
  return host.replace(/^GET/, method);
}

/** The bytes of an answer. */
export function textOf(answer: OriginAnswer, count: number, headOnly: boolean): string {
  const { status = "200 OK", fields = [], body = `answer ${count}`, chunked = false } = answer;
  const bodiless = headOnly || /^(?:204|304)/.test(status);
  const lines = [`HTTP/1.1 ${status}`, ...fields];
  if (chunked) lines.push("Transfer-Encoding: chunked");
  else if (!/^(?:204|304)/.test(status)) lines.push(`Content-Length: ${body.length}`);
  const head = `${lines.join("\r\n")}\r\n\r\n`;
  if (bodiless) return head;
  return head + (chunked ? `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n` : body);
}
