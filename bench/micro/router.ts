/**
 * Routing alone, from the head of a request to its plan, with 10 to 10 000 routes in four shapes. The first three
 * have to cost the same whatever the number of routes; the last one, routes that differ in nothing but a
 * condition, costs in proportion to it.
 *
 * Every request brings strings that nobody has seen before, as those of a parser are: their hashes are part of
 * the price. Each size is asked for ten routes from all over it: so the sizes differ in the number of routes alone,
 * and not in how much of the processor's cache the routes take that are asked for.
 *
 *     node bench/micro/router.ts           takes about a minute
 *     node bench/micro/router.ts --quick   shows that it works
 */

import { latin1 } from "#core/bytes/latin1.ts";
import type { RequestHead } from "#core/http/message.ts";
import type { LinkedSnapshot } from "#dataplane/linked.ts";
import { Plan } from "#dataplane/plan.ts";
import { request, type RouteOptions, snapshot } from "#dataplane/route/route.fixture.ts";
import { route } from "#dataplane/route/route.ts";

const SIZES = [10, 100, 1000, 10_000] as const;
/** The cost with 10 000 routes may be this many times that with 10. */
const BOUND = 1.3;
const SAMPLES = 10;
/** Names are equally long in all sizes. */
const FIRST_INDEX = 10_000;

const isQuick = process.argv.includes("--quick");
const rounds = isQuick ? 5 : 61;
const batch = isQuick ? 2000 : 20_000;

/** A kind of configuration, and the requests that go through it. */
interface Shape {
  readonly name: string;
  /** The cost is bounded. */
  readonly isFlat: boolean;
  route(index: number): RouteOptions;
  request(index: number): RequestHead;
}

const shapes: readonly Shape[] = [
  {
    name: "distinct hosts",
    isFlat: true,
    route: (i) => ({ hosts: [`tenant-${i}.example.com`] }),
    request: (i) => request("GET", `tenant-${i}.example.com`, "/index.html"),
  },
  {
    name: "one host, distinct prefixes",
    isFlat: true,
    route: (i) => ({ hosts: ["example.com"], paths: [`/service-${i}/*`] }),
    request: (i) => request("GET", "example.com", `/service-${i}/users/7`),
  },
  {
    name: "parameters and wildcards",
    isFlat: true,
    route: (i) =>
      i % 2 === 0
        ? { hosts: ["*.example.com"], paths: [`/teams/:team/service-${i}/:id`] }
        : { hosts: [`**.zone-${i}.example.com`], paths: ["/files/:path*"] },
    request: (i) =>
      i % 2 === 0
        ? request("GET", "www.example.com", `/teams/blue/service-${i}/42`)
        : request("GET", `a.b.zone-${i}.example.com`, "/files/2026/11/report.pdf"),
  },
  {
    name: "one path, distinct header values",
    isFlat: false,
    route: (i) => ({
      hosts: ["example.com"],
      paths: ["/api/*"],
      headers: { "x-tenant": { kind: "one-of", values: [`t${i}`] } },
    }),
    request: (i) => request("GET", "example.com", "/api/users", [["x-tenant", `t${i}`]]),
  },
];

/** A configuration of one size with its requests, their strings as bytes. */
class Subject {
  readonly times: number[] = [];
  readonly #snapshot: LinkedSnapshot;
  readonly #heads: readonly RequestHead[];
  readonly #authorities: readonly Uint8Array[];
  readonly #targets: readonly Uint8Array[];
  readonly #plan: Plan = new Plan();

  constructor(shape: Shape, size: number) {
    this.#snapshot = snapshot(
      Array.from({ length: size }, (_, index) => shape.route(FIRST_INDEX + index)),
    );
    // From all over the configuration, the last route among them.
    this.#heads = Array.from({ length: SAMPLES }, (_, sample) =>
      shape.request(FIRST_INDEX + Math.round((sample * (size - 1)) / (SAMPLES - 1))),
    );
    this.#authorities = this.#heads.map((head) => bytesOf(head.authority));
    this.#targets = this.#heads.map((head) => bytesOf(head.target));
  }

  /** Routes a batch of requests. @throws Error if one of them finds no route */
  run(): void {
    const plan = this.#plan;
    const start = performance.now();
    for (let i = 0; i < batch; i++) {
      const sample = i % SAMPLES;
      const head = this.#heads[sample]!;
      const authority = this.#authorities[sample]!;
      const target = this.#targets[sample]!;
      head.authority = latin1(authority, 0, authority.length);
      head.target = latin1(target, 0, target.length);
      plan.reset();
      route(this.#snapshot, head, "192.0.2.1", plan);
      if (plan.route === null) throw new Error(`${head.target} was not routed: ${plan.fault}`);
    }
    this.times.push(((performance.now() - start) * 1e6) / batch);
  }

  /** Nanoseconds for one request, in the best round: what else the machine does only ever adds. */
  get nanoseconds(): number {
    return Math.min(...this.times);
  }
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

console.log(
  `${"ns for each request".padEnd(36)}${SIZES.map((size) => `${size}`.padStart(9)).join("")}    ratio`,
);
let isWithin = true;
for (const shape of shapes) {
  const subjects = SIZES.map((size) => new Subject(shape, size));
  for (const subject of subjects) subject.run();
  for (const subject of subjects) subject.times.length = 0;
  // Sizes take turns, so that whatever else the machine does meets all of them.
  const turns = shape.isFlat ? rounds : Math.min(rounds, 3);
  for (let round = 0; round < turns; round++) for (const subject of subjects) subject.run();
  const costs = subjects.map((subject) => subject.nanoseconds);
  const ratio = costs.at(-1)! / costs[0]!;
  const verdict = !shape.isFlat ? "(linear)" : ratio <= BOUND ? `≤ ${BOUND}` : `> ${BOUND}`;
  if (shape.isFlat && ratio > BOUND) isWithin = false;
  const cells = costs.map((cost) => cost.toFixed(0).padStart(9)).join("");
  console.log(`${shape.name.padEnd(36)}${cells}${ratio.toFixed(2).padStart(9)}  ${verdict}`);
}
if (!isWithin && !isQuick) process.exitCode = 1;
