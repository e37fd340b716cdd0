import assert from "node:assert/strict";
import { test } from "node:test";

import { type ProcessLogOptions, createProcessLog, logMessage } from "./process-log.ts";

function lines(
  options: Partial<ProcessLogOptions>,
  use: (log: ReturnType<typeof createProcessLog>) => void,
): string[] {
  const written: string[] = [];
  const log = createProcessLog({
    write: (line) => written.push(line),
    level: "info",
    format: "json",
    colour: false,
    utcOffset: 0,
    ...options,
  });
  use(log);
  return written;
}

test("json: messages are pino's, with their code and fields", () => {
  const [line = ""] = lines({}, (log) =>
    logMessage(log, {
      level: "warn",
      code: "worker_silent",
      message: "worker 1 gives no sign of life",
      fields: { row: 1 },
    }),
  );
  const { time, ...rest } = JSON.parse(line) as Record<string, unknown>;
  assert.equal(typeof time, "number");
  assert.deepEqual(rest, {
    level: 40,
    code: "worker_silent",
    row: 1,
    msg: "worker 1 gives no sign of life",
  });
});

test("messages below the level are not written", () => {
  const written = lines({ level: "warn" }, (log) => {
    for (const level of ["debug", "info", "warn", "error"] as const) {
      logMessage(log, { level, code: "x", message: level });
    }
  });
  assert.deepEqual(
    written.map((line) => (JSON.parse(line) as { msg: string }).msg),
    ["warn", "error"],
  );
});

test("pretty: a readable line with time, level, message, code and fields", () => {
  const [line = ""] = lines({ format: "pretty" }, (log) =>
    logMessage(log, {
      level: "info",
      code: "listening",
      message: "listening on :8080",
      fields: { workers: 2, transport: "node" },
    }),
  );
  assert.match(line, /^\d\d:\d\d:\d\d info {2}listening on :8080 workers=2 transport=node\n$/);
});

test("pretty: what the message says already is not said again", () => {
  const shown = (message: string, fields: Record<string, unknown>): string =>
    lines({ format: "pretty" }, (log) =>
      logMessage(log, { level: "info", code: "done", message, fields }),
    )
      .join("")
      .slice("00:00:00 info  ".length);
  const url = "http://127.0.0.1:8082";
  assert.equal(
    shown(`listening on ${url}`, { address: "127.0.0.1:8082", url, port: 8082, workers: 2 }),
    `listening on ${url} done workers=2\n`,
  );
  assert.equal(shown("localhost:80 done", { address: ":80" }), "localhost:80 done\n");
  assert.equal(
    shown("1.5 s for web-1.", { n: 5, whole: 1, name: "web", endpoint: "web-1" }),
    "1.5 s for web-1. done n=5 whole=1 name=web\n",
  );
});

/** A refused configuration as `sluice check` paints it. */
const EXCERPT =
  "refused: \u001b[1msluice.yaml:2:3\u001b[0m: \u001b[31munknown\u001b[0m\n 1 | a:\n 2 |   b\n   |   \u001b[1;31m^\u001b[0m\n";

test("pretty: a message of several lines stays so, indented, and without the colours it came with", () => {
  for (const colour of [false, true]) {
    const [line = ""] = lines({ format: "pretty", colour }, (log) =>
      logMessage(log, { level: "error", code: "reload_refused", message: EXCERPT }),
    );
    const plain = line.replaceAll(/\u001b\[\d+m/g, "").slice("00:00:00 ".length);
    assert.equal(
      plain,
      "error refused: sluice.yaml:2:3: unknown reload_refused\n   1 | a:\n   2 |   b\n     |   ^\n",
    );
    assert.equal(line.includes("\u001b["), colour);
    assert.ok(!line.includes("\u001b[1m"));
  }
});

test("json: a message of several lines is one line, without the colours it came with", () => {
  const [line = ""] = lines({}, (log) =>
    logMessage(log, { level: "error", code: "reload_refused", message: EXCERPT }),
  );
  assert.equal(line.indexOf("\n"), line.length - 1);
  assert.equal(
    (JSON.parse(line) as { msg: string }).msg,
    "refused: sluice.yaml:2:3: unknown\n 1 | a:\n 2 |   b\n   |   ^\n",
  );
});

test("neither format lets a text forge a line or steer a terminal", () => {
  const hostile = 'x\r\n\u001b[2J\u0085\u009b31m\u202e"';
  for (const format of ["json", "pretty"] as const) {
    const [line = ""] = lines({ format }, (log) =>
      logMessage(log, {
        level: "error",
        code: hostile,
        message: hostile,
        fields: { [hostile]: hostile, nested: { [hostile]: hostile } },
      }),
    );
    assert.equal(line.at(-1), "\n");
    const [, ...below] = line.slice(0, -1).split("\n");
    // Only a message has lines, in pretty, and they are set off from those of the log.
    assert.equal(below.length, format === "json" ? 0 : 1);
    for (const more of below) assert.match(more, /^ {2}/);
    const text = format === "json" ? line.slice(0, -1) : line.replaceAll("\n", "");
    assert.doesNotMatch(text, /[\u0000-\u001f\u007f-\u009f\u202e]/, format);
    if (format === "json") assert.equal((JSON.parse(line) as { msg: string }).msg, hostile);
  }
});

test("fields that carry credentials are redacted", () => {
  const [line = ""] = lines({}, (log) =>
    logMessage(log, {
      level: "info",
      code: "x",
      message: "x",
      fields: { authorization: "Basic c2VjcmV0", "x-auth-token": "c2VjcmV0", host: "h" },
    }),
  );
  assert.ok(!line.includes("c2VjcmV0"));
  assert.ok(line.includes('"host":"h"'));
});
