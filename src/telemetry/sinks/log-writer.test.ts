import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import { missing, requireProgram, unless } from "../../../test/harness/requires.ts";
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
    for (let i = 0; i < 1000; i += 4) {
      const pieces = [0, 1, 2, 3].map((more) => Buffer.from(`${round} ${i + more}\n`));
      assert.deepEqual(await writer.write(pieces), []);
    }
    await writer.close();
  }
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  assert.equal(lines.length, 2000);
  assert.deepEqual(
    lines,
    [1, 2].flatMap((round) => Array.from({ length: 1000 }, (_, i) => `${round} ${i}`)),
  );
});

test("bytes in shared memory are written as any others", async (context) => {
  const path = join(folder(context), "access.log");
  const shared = new Uint8Array(new SharedArrayBuffer(10));
  shared.set(Buffer.from("0123456789"));
  const writer = await openLogWriter({ to: path, onError: unexpected });
  await writer.write([shared.subarray(4), shared.subarray(0, 4)]);
  await writer.close();
  assert.equal(readFileSync(path, "utf8"), "4567890123");
});

test("a file that cannot be opened is an error at once", async (context) => {
  const path = join(folder(context), "missing", "access.log");
  await assert.rejects(openLogWriter({ to: path, onError: () => {} }), /ENOENT/);
});

const pipes =
  unless(process.platform === "linux", "pipes can be opened again on Linux only") ||
  missing("mkfifo");

test("what a pipe takes in parts arrives whole", { skip: pipes }, async (context) => {
  const { child, reader } = writing(
    context,
    `const pieces = Array.from({ length: 50 }, (_, i) => Buffer.alloc(20_011, 97 + (i % 26)));
     const left = await writer.write(pieces);
     process.send({ left: left.length, errors: errors.length }, () => process.disconnect());`,
  );
  const reported = report(child);
  let text = "";
  const bytes = Buffer.alloc(30_000);
  while (text.length < 50 * 20_011) {
    try {
      text += bytes.toString("latin1", 0, readSync(reader, bytes));
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
  assert.deepEqual(await reported, { left: 0, errors: 0 });
  const expected = Array.from({ length: 50 }, (_, i) =>
    String.fromCharCode(97 + (i % 26)).repeat(20_011),
  );
  assert.ok(text === expected.join(""));
  closeSync(reader);
});

test(
  "a reader that sleeps is waited for, but not when the log is to be closed",
  { skip: pipes },
  async (context) => {
    const { child, reader } = writing(
      context,
      `const line = Buffer.alloc(1_000_000, "x");
       let done = false;
       const writing = writer.write([line]).then((left) => { done = true; return left; });
       await new Promise((resolve) => setTimeout(resolve, 700));
       const waited = !done && errors.length === 0;
       writer.hurry();
       const [left] = await writing;
       await writer.close();
       process.send({ left: left.length, errors: errors.length, waited }, () => process.disconnect());`,
    );
    const { left, errors, waited } = await report(child);
    assert.ok(waited, "a pipe that is full is no error");
    // The pipe takes 64 KiB of it.
    assert.ok(left > 900_000 && left < 1_000_000, String(left));
    assert.equal(errors, 1, "what is given up is told");
    if (child.exitCode === null) await once(child, "exit");
    closeSync(reader);
  },
);

test("a reader that is gone is reported once", { skip: pipes }, async (context) => {
  const { child, reader } = writing(
    context,
    `process.send("open");
     await new Promise((resolve) => process.once("message", resolve));
     const writing = writer.write([Buffer.from("a\\n")]);
     const again = setTimeout(() => writer.hurry(), 500);
     const left = await writing;
     process.send({ left: left.length, errors: errors.length }, () => process.disconnect());`,
  );
  await once(child, "message");
  closeSync(reader);
  child.send("go");
  assert.deepEqual(await report(child), { left: 1, errors: 1 });
});

test("a disk that is full is reported, and tried again", { skip: pipes }, async (context) => {
  const { child, reader } = writing(
    context,
    `const full = await openLogWriter({ to: "/dev/full", onError });
     const writing = full.write([Buffer.from("a\\n")]);
     const again = setTimeout(() => full.hurry(), 300);
     const left = await writing;
     process.send({ left: left.length, errors: errors.length }, () => process.disconnect());`,
  );
  assert.deepEqual(await report(child), { left: 1, errors: 1 });
  closeSync(reader);
});

interface Report {
  readonly left: number;
  readonly errors: number;
  readonly waited?: boolean;
}

async function report(child: ChildProcess): Promise<Report> {
  const [message] = (await once(child, "message")) as [Report];
  return message;
}

/** A process whose standard output is a pipe that nobody reads. `script` has `writer` and `errors`. */
function writing(context: TestContext, script: string): { child: ChildProcess; reader: number } {
  const path = join(folder(context), "pipe");
  execFileSync(requireProgram("mkfifo"), [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const output = openSync(path, constants.O_WRONLY);
  const module = new URL("./log-writer.ts", import.meta.url).href;
  const code = `import { openLogWriter } from ${JSON.stringify(module)};
    // Waiting for a reader does not keep a process alive.
    const alive = setInterval(() => {}, 1000);
    process.once("disconnect", () => clearInterval(alive));
    const errors = [];
    const onError = (error) => errors.push(error);
    const writer = await openLogWriter({ to: 1, onError });
    ${script}`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", code], {
    stdio: ["ignore", output, "inherit", "ipc"],
  });
  context.after(() => child.kill("SIGKILL"));
  closeSync(output);
  return { child, reader };
}
