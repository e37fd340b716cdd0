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
  assert.match(
    line,
    /^\d\d:\d\d:\d\d info {2}listening on :8080 listening workers=2 transport=node\n$/,
  );
});

test("neither format lets a text end a line or steer a terminal", () => {
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
    assert.doesNotMatch(line.slice(0, -1), /[\u0000-\u001f\u007f-\u009f\u202e]/, format);
    assert.equal(line.at(-1), "\n");
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
