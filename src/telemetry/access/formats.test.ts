import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import fc from "fast-check";

import { ByteWriter } from "#core/bytes/writer.ts";
import { FAILURES, FAILURE_CODES } from "#core/errors.ts";
import { recordWith } from "../record.fixture.ts";
import { combinedLines } from "./combined.ts";
import { LEVELS, jsonLine } from "./json.ts";
import { JsonLines } from "./json-lines.ts";
import { prettyLines } from "./pretty.ts";

const combined = combinedLines(0);
const pretty = prettyLines(0, false);
const FORMATS = { json: jsonLine, combined, pretty, coloured: prettyLines(0, true) };

function parsed(line: string): Record<string, unknown> {
  return JSON.parse(line) as Record<string, unknown>;
}

test("json: a line has pino's fields and everything known of the exchange", () => {
  assert.deepEqual(parsed(jsonLine(recordWith({ referer: "https://a.example/" }))), {
    level: 30,
    time: Date.UTC(2026, 1, 3, 4, 5, 6, 794),
    msg: "request",
    requestId: "7f3a9c",
    client: "203.0.113.9",
    method: "GET",
    scheme: "http",
    host: "example.com",
    path: "/shop?page=2",
    protocol: "HTTP/1.1",
    status: 200,
    bytesIn: 0,
    bytesOut: 5120,
    userAgent: "curl/8.5.0",
    referer: "https://a.example/",
    route: "example.com/*",
    upstream: "web",
    endpoint: "http://127.0.0.1:3000",
    attempts: 1,
    timing: { queue: 0, connect: 0.41, firstByte: 3.2, total: 4.76 },
  });
});

test("json: what did not happen is left out", () => {
  const line = parsed(
    jsonLine(
      recordWith({
        requestId: "",
        method: "",
        host: "",
        target: "",
        status: 400,
        route: "",
        upstream: "",
        endpoint: "",
        userAgent: "",
        attempts: 0,
        firstByteMs: -1,
        failure: "request_malformed",
      }),
    ),
  );
  assert.deepEqual(Object.keys(line), [
    "level",
    "time",
    "msg",
    "client",
    "scheme",
    "protocol",
    "status",
    "bytesIn",
    "bytesOut",
    "attempts",
    "timing",
    "failure",
    "reason",
  ]);
  assert.deepEqual(line["timing"], { total: 4.76 });
});

test("json: every failure has its level, code, sentence and detail", () => {
  for (const failure of FAILURE_CODES) {
    const line = parsed(jsonLine(recordWith({ failure, failureDetail: 'ECONN "x"' })));
    assert.equal(line["level"], LEVELS[FAILURES[failure].level]);
    assert.equal(line["failure"], failure);
    assert.equal(line["reason"], FAILURES[failure].sentence);
    assert.equal(line["detail"], 'ECONN "x"');
  }
});

test("a client that left is logged as 499 at debug level", () => {
  const line = parsed(jsonLine(recordWith({ status: 499, failure: "client_gone" })));
  assert.equal(line["status"], 499);
  assert.equal(line["level"], 20);
});

test("json: an upgraded exchange says to what", () => {
  const line = parsed(jsonLine(recordWith({ status: 101, upgrade: "websocket" })));
  assert.equal(line["upgrade"], "websocket");
});

test("combined: a line is as Apache httpd writes it", () => {
  assert.equal(
    combined(recordWith({ referer: "https://a.example/x" })),
    '203.0.113.9 - - [03/Feb/2026:04:05:06 +0000] "GET /shop?page=2 HTTP/1.1" 200 5120 "https://a.example/x" "curl/8.5.0"\n',
  );
});

test("combined: what is missing is a dash", () => {
  const record = recordWith({
    clientIp: "",
    method: "",
    target: "",
    status: 0,
    responseBytes: 0,
    userAgent: "",
  });
  assert.equal(combined(record), '- - - [03/Feb/2026:04:05:06 +0000] "-" - - "-" "-"\n');
});

test("combined: quotes, backslashes, controls and bytes beyond ASCII are escaped as Apache does", () => {
  const userAgent = 'a"b\\c\nd\te\u0001f\u00e9g\u20ac\u007f';
  const line = combined(recordWith({ userAgent }));
  assert.match(line, / "a\\"b\\\\c\\nd\\te\\x01f\\xe9g\\xe2\\x82\\xac\\x7f"\n$/);
});

test("combined: dates follow the offset that is given, also across midnight", () => {
  assert.match(combinedLines(-270)(recordWith()), /\[02\/Feb\/2026:23:35:06 -0430\]/);
  assert.match(combinedLines(120)(recordWith()), /\[03\/Feb\/2026:06:05:06 \+0200\]/);
});

test("pretty: one short line, with the reason of a fault", () => {
  assert.equal(
    pretty(recordWith()),
    "04:05:06 200 GET example.com/shop?page=2 4.8 ms 5.1 kB → web http://127.0.0.1:3000\n",
  );
  const line = pretty(
    recordWith({
      status: 502,
      attempts: 2,
      totalMs: 1234.5,
      responseBytes: 80,
      failure: "connect_refused",
      failureDetail: "ECONNREFUSED",
    }),
  );
  assert.equal(
    line,
    `04:05:08 502 GET example.com/shop?page=2 1235 ms 80 B → web http://127.0.0.1:3000 (2 attempts) connect_refused: ${FAILURES.connect_refused.sentence} (ECONNREFUSED)\n`,
  );
});

test("pretty: the time is that of the end, when the line is written", () => {
  assert.match(pretty(recordWith({ totalMs: 3000 })), /^04:05:09 /);
  assert.match(pretty(recordWith({ totalMs: -1 })), /^04:05:06 /);
});

test("pretty: colours follow the status", () => {
  const coloured = prettyLines(0, true);
  assert.ok(coloured(recordWith({ status: 200 })).includes("\u001b[32m200"));
  assert.ok(coloured(recordWith({ status: 304 })).includes("\u001b[36m304"));
  assert.ok(coloured(recordWith({ status: 404 })).includes("\u001b[33m404"));
  assert.ok(coloured(recordWith({ status: 502 })).includes("\u001b[31m502"));
  assert.ok(coloured(recordWith({ status: 0 })).includes("\u001b[31m---"));
});

test("no format lets a peer end a line, move the cursor or turn the direction of text", () => {
  const hostile =
    "x\r\n200 GET /admin\u001b[2J\u001b]0;t\u0007\u0085\u009b31m\u202e\u2066\u2028\ufeff\u007f";
  const record = recordWith({
    requestId: hostile,
    clientIp: hostile,
    method: hostile,
    host: hostile,
    target: hostile,
    userAgent: hostile,
    referer: hostile,
    route: hostile,
    endpoint: hostile,
    upgrade: hostile,
    failure: "connect_failed",
    failureDetail: hostile,
  });
  for (const [name, format] of Object.entries(FORMATS)) {
    const line = format(record);
    const body = line.slice(0, -1).replaceAll(/\u001b\[\d+m/g, "");
    assert.equal(line.at(-1), "\n");
    assert.doesNotMatch(
      body,
      /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/,
      name,
    );
  }
  assert.equal(
    parsed(jsonLine(record))["userAgent"],
    hostile,
    "json gives the text back as it came",
  );
});

test("json writes times in hundredths of a millisecond, as JSON itself would", () => {
  const time = fc.oneof(
    fc.double({ min: 0, max: 1e8, noNaN: true }),
    fc.integer({ min: 0, max: 1e6 }).map((hundredths) => hundredths / 100),
  );
  fc.assert(
    fc.property(time, (totalMs) => {
      const rounded = JSON.stringify(Math.round(totalMs * 100) / 100);
      assert.ok(jsonLine(recordWith({ totalMs })).includes(`"total":${rounded}}`));
    }),
  );
});

test("whatever a peer sends, a line of json is one line that parses to it", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
      const line = jsonLine(recordWith({ userAgent: text, host: text, failureDetail: text }));
      assert.equal(line.indexOf("\n"), line.length - 1);
      assert.doesNotMatch(line.slice(0, -1), /[\u0000-\u001f\u007f-\u009f\u202e]/);
      assert.equal(parsed(line)["userAgent"] ?? "", text);
    }),
    { numRuns: 300 },
  );
});

test("a line of combined stays printable ASCII and can be split again, whatever a peer sends", () => {
  const line =
    /^\S+ - - \[[^\]]+\] "((?:[^"\\]|\\.)*)" \S+ \S+ "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)"\n$/;
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
      const written = combined(recordWith({ userAgent: text, referer: text, target: text }));
      assert.match(written, line);
      assert.match(written, /^[\x20-\x7e]*\n$/);
    }),
    { numRuns: 300 },
  );
});

test("no line grows with what a peer sends", () => {
  const long = "\u0001".repeat(100_000);
  const record = recordWith({ target: `/${long}`, userAgent: long, referer: long });
  for (const [name, format] of Object.entries(FORMATS)) {
    const { length } = format(record);
    assert.ok(length < 6 * 12_000, `${name}: ${length}`);
  }
});

test("secrets in the query are in no format, neither of the target nor of the referer", () => {
  const record = recordWith({
    target: "/a?token=SECRET&x=1",
    referer: "https://a.example/?password=SECRET",
  });
  for (const [name, format] of Object.entries(FORMATS)) {
    assert.ok(!format(record).includes("SECRET"), name);
  }
});

test("the guide's example lines are what is written", () => {
  const guide = readFileSync(new URL("../../../docs/guide/logs.md", import.meta.url), "utf8");
  const fault = recordWith({
    status: 502,
    responseBytes: 131,
    connectMs: 0,
    firstByteMs: -1,
    attempts: 2,
    failure: "connect_refused",
    failureDetail: "connect ECONNREFUSED 127.0.0.1:3000",
  });
  for (const line of [
    jsonLine(recordWith()),
    jsonLine(fault),
    combined(recordWith()),
    pretty(recordWith()),
  ]) {
    assert.ok(guide.includes(line), `docs/guide/logs.md lacks this line:\n${line}`);
  }
  for (const code of Object.keys(parsed(jsonLine(fault)))) {
    assert.ok(guide.includes(`\`${code}\``), `docs/guide/logs.md does not explain ${code}`);
  }
});

test("json and pretty: what filters would have done that only observe stands in the line, what they did does not", () => {
  const action = {
    filter: "rateLimit",
    slot: 0,
    action: "refused",
    detail: "rate_limited",
  } as const;
  const done = recordWith({ filterActions: [{ ...action, observed: false }] });
  const spared = recordWith({
    filterActions: [
      { ...action, observed: true },
      { ...action, observed: true, filter: "cors", action: "reset", detail: "" },
    ],
  });
  assert.equal(parsed(jsonLine(spared))["observed"], "rateLimit refused rate_limited; cors reset");
  assert.match(pretty(spared), / observed: rateLimit refused rate_limited; cors reset\n$/);
  assert.equal(jsonLine(done), jsonLine(recordWith()));
  assert.equal(
    new JsonLines(new ByteWriter(1024)).write(spared),
    false,
    "left to the form that can say it",
  );
});
