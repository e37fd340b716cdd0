import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import fc from "fast-check";

import { HEALTH } from "#model/shared/endpoint-table.ts";
import { FILTER_ACTIONS, MetricsTable } from "#model/shared/metrics-table.ts";
import { type SharedTables, openTables, tableSizes } from "#model/shared/tables.ts";
import type { SnapshotData } from "#model/snapshot.ts";
import { missing, requireProgram } from "../../../test/harness/requires.ts";
import { processFacts } from "../process-facts.ts";
import { INSTRUMENTS } from "./instruments.ts";
import { type ControlCounters, Metrics, createControlCounters } from "./metrics.ts";
import { type Family, parseExposition } from "./parse.fixture.ts";
import { escapeLabel, formatFor } from "./text.ts";

type Names = Pick<SnapshotData, "generation" | "routes" | "upstreams">;

/** As much of a snapshot as names are taken from. */
function names(
  generation: number,
  routes: Record<string, number>,
  endpoints: readonly [slot: number, upstream: string, endpoint: string][],
): Names {
  return {
    generation,
    routes: Object.entries(routes).map(([name, slot]) => ({
      name,
      slot,
      filters: [{ kind: "built-in", name: "rateLimit", slot: 0 }],
    })),
    upstreams: endpoints.map(([slot, upstream, name]) => ({
      name: upstream,
      endpoints: [{ slot, name }],
    })),
  } as unknown as Names;
}

interface Fixture {
  readonly worker: SharedTables;
  readonly other: SharedTables;
  readonly metrics: Metrics;
  readonly control: ControlCounters;
  readonly read: () => Map<string, Family>;
}

function setUp(): Fixture {
  const sizes = tableSizes(2);
  const memory = {
    endpoints: new SharedArrayBuffer(sizes.endpoints),
    workers: new SharedArrayBuffer(sizes.workers),
    metrics: new SharedArrayBuffer(sizes.metrics),
    lines: new SharedArrayBuffer(sizes.lines),
  };
  const control = createControlCounters();
  const metrics = new Metrics({
    tables: openTables(memory, 2, 2),
    control,
    build: { version: "1.2.3", node: "v24.11.0", transport: () => "node" },
    facts: () => ({ residentBytes: 5e7, cpuSeconds: 1.25, openFds: 20, maxFds: 1024 }),
    wall: () => 1_000_000,
    startedWall: 900_500,
    logDropped: () => 3,
    obtaining: () => ({
      attempts: new Map([["letsencrypt", 3]]),
      failures: new Map([["letsencrypt", new Map([["dns", 2]])]]),
    }),
    cache: () => ({
      bytes: 1,
      entries: 2,
      evictions: 3,
      hits: 4,
      staleHits: 5,
      misses: 6,
      collapsed: 7,
      bypassed: 8,
      stored: 9,
      revalidated: 10,
      unstorable: 11,
      failed: 12,
      purged: 13,
    }),
    certificates: () => [
      { names: ["a.test", "b.test"], source: "local", notAfter: 1_700_000_000_500 },
    ],
  });
  return {
    worker: openTables(memory, 2, 0),
    other: openTables(memory, 2, 1),
    metrics,
    control,
    read: () => parseExposition(metrics.expose("prometheus"), false),
  };
}

/** The one sample of a series. */
function value(
  families: Map<string, Family>,
  name: string,
  labels: Record<string, string> = {},
): number | undefined {
  const family = families.get(name) ?? families.get(name.replace(/_(?:bucket|sum|count)$/, ""));
  assert.ok(family, name);
  const found = family.samples.filter(
    (sample) =>
      sample.name === name &&
      Object.entries(labels).every(([label, wanted]) => sample.labels[label] === wanted),
  );
  assert.ok(found.length <= 1, `${name} ${JSON.stringify(labels)} is ambiguous`);
  return found[0]?.value;
}

test("every instrument is exposed, with its type, help and labels, and nothing else is", () => {
  const { metrics, read, worker } = setUp();
  metrics.use(names(1, { home: 0 }, [[0, "web", "http://127.0.0.1:3000"]]));
  worker.metrics.countFilter(0, 0, false);
  const families = read();
  const instruments = Object.values(INSTRUMENTS);
  assert.deepEqual(
    [...families.keys()],
    instruments.map(({ name }) => name),
  );
  for (const { name, type, help, labels } of instruments) {
    const family = families.get(name);
    assert.equal(family?.type, type);
    assert.equal(family.help, help);
    assert.ok(family.samples.length > 0, name);
    for (const sample of family.samples) {
      const found = Object.keys(sample.labels).filter((label) => label !== "le");
      assert.deepEqual(found, labels, name);
    }
    assert.match(name, type === "counter" ? /_total$/ : /(?<!_total)$/);
  }
});

test("OpenMetrics has the same numbers in its own grammar", () => {
  const { metrics, worker } = setUp();
  metrics.use(names(1, { home: 0 }, [[0, "web", "e"]]));
  worker.metrics.countRequest(0, 200, 0, 0, 70_000);
  const text = metrics.expose("openmetrics");
  const families = parseExposition(text, true);
  assert.equal(families.size, Object.keys(INSTRUMENTS).length);
  const requests = families.get("sluice_requests");
  assert.equal(requests?.samples.find(({ labels }) => labels["status"] === "2xx")?.value, 1);
  assert.match(text, /le="1\.0"/);
});

test("numbers of all workers come out under the names of the configuration", () => {
  const { metrics, worker, other, read, control } = setUp();
  metrics.use(
    names(4, { api: 0, web: 1 }, [
      [0, "api", "http://a"],
      [1, "api", "http://b"],
    ]),
  );
  worker.metrics.countRequest(0, 200, 10, 100, 4);
  other.metrics.countRequest(0, 503, 1, 2, 2000);
  other.metrics.countRequest(-1, 404, 0, 9, 1);
  worker.metrics.countRequest(5000, 200, 0, 0, 1);
  worker.metrics.countEndpoint(0, 2, 2, 3, 0.4);
  other.metrics.countEndpoint(1, 0, 1, -1, -1);
  other.metrics.countFailure(0);
  worker.metrics.countBug();
  worker.endpoints.begin(1);
  worker.endpoints.tryReserveConnection(1, 0);
  other.endpoints.tryReserveConnection(1, 0);
  other.endpoints.addIdle(1, 1);
  other.endpoints.tryReservePending(0, 5);
  other.endpoints.setHealth(1, HEALTH.DOWN);
  worker.workers.tryReserveConnection(10);
  worker.workers.addBuffered(4096);
  other.workers.countAbuse("rapid_resets");
  worker.workers.setState(0, "running");
  control.workerRestarts = 2;
  control.reloadsRefused = 1;
  control.lastReloadSuccessful = false;

  const families = read();
  const is = (expected: number, name: string, labels?: Record<string, string>): void =>
    assert.equal(value(families, name, labels), expected, `${name} ${JSON.stringify(labels)}`);
  is(1, "sluice_requests_total", { route: "api", status: "2xx" });
  is(1, "sluice_requests_total", { route: "api", status: "5xx" });
  is(0, "sluice_requests_total", { route: "web", status: "2xx" });
  is(1, "sluice_requests_total", { route: "(none)", status: "4xx" });
  is(1, "sluice_requests_total", { route: "(other)", status: "2xx" });
  is(1, "sluice_request_duration_seconds_bucket", { route: "api", le: "0.005" });
  is(2, "sluice_request_duration_seconds_bucket", { route: "api", le: "2.5" });
  is(2.004, "sluice_request_duration_seconds_sum", { route: "api" });
  is(11, "sluice_request_bytes_total", { route: "api" });
  is(102, "sluice_response_bytes_total", { route: "api" });
  is(1, "sluice_failures_total", { code: "request_malformed" });
  is(1, "sluice_upstream_requests_total", { endpoint: "http://a", outcome: "2xx" });
  is(1, "sluice_upstream_requests_total", { endpoint: "http://b", outcome: "failed" });
  is(3, "sluice_upstream_attempts_total", { upstream: "api" });
  is(1, "sluice_upstream_retries_total", { upstream: "api" });
  is(1, "sluice_upstream_time_to_first_byte_seconds_count", { endpoint: "http://a" });
  is(1, "sluice_upstream_connect_seconds_bucket", { endpoint: "http://a", le: "0.0005" });
  is(1, "sluice_upstream_requests_in_flight", { endpoint: "http://b" });
  is(1, "sluice_upstream_connections", { endpoint: "http://b", state: "active" });
  is(1, "sluice_upstream_connections", { endpoint: "http://b", state: "idle" });
  is(1, "sluice_upstream_waiting_requests", { endpoint: "http://a" });
  is(1, "sluice_endpoint_up", { endpoint: "http://a" });
  is(0, "sluice_endpoint_up", { endpoint: "http://b" });
  is(1, "sluice_connections");
  is(1, "sluice_connections_accepted_total");
  is(0, "sluice_tls_handshakes_total", { outcome: "failed" });
  is(5, "sluice_cache_requests_total", { result: "stale" });
  is(8, "sluice_cache_requests_total", { result: "bypass" });
  is(10, "sluice_cache_answers_total", { result: "revalidated" });
  is(3, "sluice_cache_forgotten_total", { reason: "evicted" });
  is(2, "sluice_cache_entries");
  is(1, "sluice_cache_bytes");
  is(1, "sluice_http2_abuse_total", { kind: "rapid_resets" });
  is(0, "sluice_http2_abuse_total", { kind: "window_stall" });
  is(1_700_000_000.5, "sluice_certificate_expiry_timestamp_seconds", {
    name: "a.test",
    source: "local",
  });
  is(4096, "sluice_buffers_bytes");
  is(1, "sluice_workers", { state: "running" });
  is(1, "sluice_workers", { state: "dead" });
  is(2, "sluice_worker_restarts_total");
  is(4, "sluice_config_generation");
  is(1, "sluice_config_reloads_total", { outcome: "refused" });
  is(0, "sluice_config_last_reload_successful");
  is(3, "sluice_log_lines_dropped_total");
  is(1, "sluice_bugs_total");
  is(20, "process_open_fds");
  is(900.5, "process_start_time_seconds");
});

test("a slot that gets another route begins at zero; a route that stays goes on", () => {
  const { metrics, worker, read } = setUp();
  const total = (route: string): number | undefined =>
    value(read(), "sluice_requests_total", { route, status: "2xx" });
  metrics.use(names(1, { stays: 0, goes: 1 }, []));
  for (const slot of [0, 1, 1]) worker.metrics.countRequest(slot, 200, 0, 0, 1);
  metrics.use(names(2, { stays: 0, comes: 1 }, []));
  assert.equal(total("stays"), 1);
  assert.equal(total("comes"), 0);
  assert.equal(total("goes"), undefined);
  worker.metrics.countRequest(1, 200, 0, 0, 1);
  worker.metrics.countRequest(0, 200, 0, 0, 1);
  assert.equal(total("comes"), 1);
  assert.equal(total("stays"), 2);
  metrics.use(names(3, { stays: 0, comes: 1 }, []));
  assert.equal(total("comes"), 1);
});

test("routes and endpoints of the same name are one series", () => {
  const { metrics, worker } = setUp();
  const twins = {
    ...names(1, {}, [
      [0, "web", "e"],
      [1, "web", "e"],
    ]),
    routes: [
      { name: "same", slot: 0, filters: [] },
      { name: "same", slot: 1, filters: [] },
    ],
  } as unknown as Names;
  metrics.use(twins);
  for (const slot of [0, 1]) {
    worker.metrics.countRequest(slot, 200, 0, 0, 1);
    worker.metrics.countEndpoint(slot, 2, 1, 1, 1);
    worker.endpoints.begin(slot);
  }
  const families = parseExposition(metrics.expose("prometheus"), false);
  assert.equal(value(families, "sluice_requests_total", { route: "same", status: "2xx" }), 2);
  assert.equal(value(families, "sluice_upstream_requests_total", { outcome: "2xx" }), 2);
  assert.equal(value(families, "sluice_upstream_requests_in_flight"), 2);
});

test("routes beyond the table are one series", () => {
  const { metrics, worker, read } = setUp();
  metrics.use(names(1, { last: MetricsTable.ROUTES - 1, beyond: MetricsTable.ROUTES }, []));
  worker.metrics.countRequest(MetricsTable.ROUTES, 200, 0, 0, 1);
  assert.equal(value(read(), "sluice_requests_total", { route: "(other)", status: "2xx" }), 1);
  assert.equal(value(read(), "sluice_requests_total", { route: "last", status: "2xx" }), 0);
  assert.equal(
    value(read(), "sluice_requests_total", { route: "beyond", status: "2xx" }),
    undefined,
  );
});

test("any name survives as a label, but for controls", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 30 }), (name) => {
      const { metrics, read } = setUp();
      metrics.use(names(1, { [`r${name}`]: 0 }, []));
      const routes = read()
        .get("sluice_requests_total")
        ?.samples.map(({ labels }) => labels["route"]);
      const visible = `r${name}`.replaceAll(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, "\ufffd");
      assert.ok(routes?.includes(visible.toWellFormed()));
    }),
    { numRuns: 50 },
  );
  assert.equal(escapeLabel('a\\b"c\nd'), 'a\\\\b\\"c\\nd');
});

test("a scraper gets the format that it asks for", () => {
  const prometheus =
    "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1";
  assert.equal(formatFor(prometheus), "openmetrics");
  assert.equal(formatFor("application/openmetrics-text"), "openmetrics");
  assert.equal(formatFor("application/openmetrics-text;q=0"), "prometheus");
  assert.equal(formatFor("text/plain, application/openmetrics-text;q=0.5"), "prometheus");
  assert.equal(formatFor("*/*"), "prometheus");
  assert.equal(formatFor("text/html,application/xhtml+xml"), "prometheus");
  assert.equal(formatFor(undefined), "prometheus");
});

test("promtool accepts what is exposed", { skip: missing("promtool") }, () => {
  const { metrics, worker } = setUp();
  metrics.use(names(1, { 'a"b\\c': 0 }, [[0, "web", "http://a"]]));
  worker.metrics.countRequest(0, 200, 1, 1, 3);
  worker.metrics.countEndpoint(0, 2, 1, 3, 1);
  execFileSync(requireProgram("promtool"), ["check", "metrics"], {
    input: metrics.expose("prometheus"),
    stdio: ["pipe", "pipe", "pipe"],
  });
});

test("the process knows its own memory, time and descriptors", () => {
  const facts = processFacts();
  assert.ok(facts.residentBytes > 1e6);
  assert.ok(facts.cpuSeconds > 0);
  if (process.platform === "linux") {
    assert.ok(facts.openFds !== null && facts.openFds > 2);
    assert.ok(facts.maxFds !== null && facts.maxFds >= facts.openFds);
  }
});

test("the guide lists every metric as it is", () => {
  const guide = readFileSync(new URL("../../../docs/guide/metrics.md", import.meta.url), "utf8");
  const rows = Object.values(INSTRUMENTS).map(({ name, type, labels, help }) => {
    const list = labels.map((label) => `\`${label}\``).join(", ");
    return `| \`${name}\` | ${type} | ${list} | ${help} |`.replaceAll(/ +/g, " ");
  });
  const documented = guide
    .split("\n")
    .filter((line) => /^\| `(?:sluice|process)_/.test(line))
    .map((line) => line.replaceAll(/ +/g, " "));
  assert.deepEqual(documented, rows);
});

test("what filters did and would have done is counted by route, and what they never did is not there", () => {
  const { worker, other, metrics } = setUp();
  metrics.use({
    generation: 1,
    routes: [
      {
        name: "shop",
        slot: 0,
        filters: [
          { kind: "inline", name: "mine", place: "" },
          { kind: "built-in", name: "rateLimit", slot: 3 },
        ],
      },
    ],
    upstreams: [],
  } as unknown as Names);
  worker.metrics.countFilter(3, FILTER_ACTIONS.indexOf("refused"), false);
  worker.metrics.countFilter(3, FILTER_ACTIONS.indexOf("refused"), true);
  other.metrics.countFilter(3, FILTER_ACTIONS.indexOf("refused"), true);
  const lines = metrics
    .expose("prometheus")
    .split("\n")
    .filter((line) => line.startsWith("sluice_filter_actions_total{"));
  assert.deepEqual(lines, [
    'sluice_filter_actions_total{route="shop",filter="rateLimit",mode="enforce",action="refused"} 1',
    'sluice_filter_actions_total{route="shop",filter="rateLimit",mode="observe",action="refused"} 2',
  ]);
});
