/** Every scenario, in the order of the report. */

import { idle } from "./idle.ts";
import { loadScenario } from "./load.ts";
import { ours, type Scenario, type Subject, subjects } from "./scenario.ts";
import { start } from "./start.ts";
import { tlsScenarios } from "./tls.ts";

const fewest = [...ours, "nginx", "haproxy"];
const few = [...fewest, "caddy"];
const some = [...few, "http-proxy"];
const everyone = [...some, "varnish", "httpxy", "fastify"];
const bulk = [...ours, "nginx", "nginx-tuned", "haproxy", "haproxy-splice", "caddy", "http-proxy"];

const routeSubjects: readonly Subject[] = [...ours, "nginx"].flatMap((peer) =>
  [10, 10_000].map((routes) => ({
    label: `${peer}, ${routes === 10 ? "10" : "10 000"} routes`,
    peer,
    variant: { routes },
  })),
);

const kinds = [
  ["headline", "A browser's heads, 1 KiB back"],
  ["bare", "Small heads, 1 KiB back"],
] as const;

/** All scenarios. */
export const scenarios: readonly Scenario[] = [
  ...kinds.flatMap(([requests, title]) =>
    ([64, 512, 1] as const).map((connections) =>
      loadScenario({
        name: `${requests}-${connections}`,
        title: `${title}, ${connections} connection${connections === 1 ? "" : "s"}`,
        requests,
        connections,
        subjects: subjects(connections !== 64 ? fewest : requests === "headline" ? everyone : some),
        ...(connections === 1 ? { main: "p50" } : {}),
      }),
    ),
  ),
  loadScenario({
    name: "fixed-rate",
    title: "A browser's heads at a fixed rate, 30 % of what saturates nginx",
    requests: "headline",
    connections: 256,
    isPaced: true,
    main: "p99",
    subjects: subjects(fewest),
  }),
  loadScenario({
    name: "access-log",
    title: "A browser's heads, access log in JSON, 64 connections",
    requests: "headline",
    connections: 64,
    subjects: subjects(few, { accessLog: true }),
  }),
  loadScenario({
    name: "two-workers",
    title: "A browser's heads, two workers, 64 connections",
    requests: "headline",
    connections: 64,
    subjects: subjects(few, { workers: 2 }),
  }),
  loadScenario({
    name: "routes",
    title: "A browser's heads, 10 and 10 000 routes, 64 connections",
    requests: ({ variant }) => (variant.routes === 10 ? "routes-10" : "routes-10000"),
    connections: 64,
    subjects: routeSubjects,
  }),
  loadScenario({
    name: "new-connections",
    title: "A new connection for each request, 64 at a time",
    requests: "last",
    connections: 64,
    subjects: subjects(few),
  }),
  loadScenario({
    name: "post",
    title: "POST of 10 KiB, 64 connections",
    requests: "post",
    connections: 64,
    subjects: subjects(some),
  }),
  loadScenario({
    name: "100k",
    title: "100 KiB back, 64 connections",
    requests: "100k",
    connections: 64,
    subjects: subjects([...some, "nginx-tuned"]),
  }),
  loadScenario({
    name: "download",
    title: "10 MiB back, 8 connections",
    requests: "download",
    connections: 8,
    isBulk: true,
    subjects: subjects(bulk),
  }),
  loadScenario({
    name: "upload",
    title: "POST of 10 MiB, 8 connections",
    requests: "upload",
    connections: 8,
    isBulk: true,
    subjects: subjects(bulk),
  }),
  ...tlsScenarios,
  idle,
  start,
];
