import assert from "node:assert/strict";
import { constants, closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import { unless } from "../../../test/harness/requires.ts";
import { openLogWriter } from "./log-writer.ts";

function folder(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "sluice-log-"));
  context.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const unexpected = (error: Error): void => {
  throw error;
};

test("lines are appended to a file, and all of them are there after closing", async (context) => {
  const path = join(folder(context), "access.log");
  for (const round of [1, 2]) {
    const writer = await openLogWriter({ to: path, onError: unexpected });
    for (let i = 0; i < 1000; i++) writer.write(`${round} ${i}\n`);
    await writer.close();
    await writer.close();
  }
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  assert.equal(lines.length, 2000);
  assert.equal(lines[0], "1 0");
  assert.equal(lines[1999], "2 999");
});

test("a file that cannot be opened is an error at once", async (context) => {
  const path = join(folder(context), "missing", "access.log");
  await assert.rejects(openLogWriter({ to: path, onError: () => {} }), /ENOENT/);
});

test("lines written after closing are counted as dropped", async (context) => {
  const writer = await openLogWriter({
    to: join(folder(context), "access.log"),
    onError: unexpected,
  });
  await writer.close();
  writer.write("a\nb\n");
  assert.equal(writer.dropped, 2);
});

test(
  "a reader that sleeps costs lines, never the process: they are dropped and counted",
  { skip: unless(process.platform === "linux", "needs named pipes") },
  async (context) => {
    const path = join(folder(context), "pipe");
    execFileSync("mkfifo", [path]);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    context.after(() => closeSync(reader));
    const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    const errors: Error[] = [];
    const writer = await openLogWriter({
      to: fd,
      maxBuffered: 100_000,
      onError: (error) => errors.push(error),
    });
    const line = `${"x".repeat(999)}\n`;
    for (let i = 0; i < 1000; i++) writer.write(line);
    // The pipe takes 64 KiB and the buffer 100 kB of the 1 MB.
    assert.ok(writer.dropped > 0 && writer.dropped < 1000);
    await writer.close();
    assert.equal(errors.length, 1, "what is still held is given up, after waiting a while");
  },
);

test(
  "a reader that is gone is reported once",
  { skip: unless(process.platform === "linux", "needs named pipes") },
  async (context) => {
    const path = join(folder(context), "pipe");
    execFileSync("mkfifo", [path]);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    const broken = Promise.withResolvers<Error>();
    let errors = 0;
    const writer = await openLogWriter({
      to: fd,
      onError: (error) => {
        errors++;
        broken.resolve(error);
      },
    });
    closeSync(reader);
    writer.write("a\n");
    assert.match((await broken.promise).message, /EPIPE/);
    for (let i = 0; i < 5; i++) writer.write("b\n");
    await writer.close();
    assert.equal(errors, 1);
  },
);
