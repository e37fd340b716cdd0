import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
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

const pipes =
  unless(process.platform === "linux", "pipes can be opened again on Linux only") ||
  missing("mkfifo");

test(
  "a reader that sleeps costs lines, never the process: they are dropped and counted",
  { skip: pipes },
  async (context) => {
    const { child, reader } = writing(
      context,
      `for (let i = 0; i < 1000; i++) {
         writer.write("x".repeat(999) + "\\n");
         await new Promise(setImmediate);
       }
       const dropped = writer.dropped;
       await writer.close();
       process.send({ dropped, errors: errors.length }, () => process.disconnect());`,
    );
    const { dropped, errors } = await report(child);
    // The pipe takes 64 KiB and the buffer 100 kB of the 1 MB.
    assert.ok(dropped > 500 && dropped < 1000, String(dropped));
    assert.equal(errors, 1, "what is still held is given up, after waiting a while");
    if (child.exitCode === null) await once(child, "exit");
    closeSync(reader);
  },
);

test("a reader that is gone is reported once", { skip: pipes }, async (context) => {
  const { child, reader } = writing(
    context,
    `process.send("open");
     await new Promise((resolve) => process.once("message", resolve));
     for (let i = 0; i < 5; i++) {
       writer.write("a\\n");
       await new Promise((resolve) => setTimeout(resolve, 5));
     }
     await writer.close();
     process.send({ dropped: writer.dropped, errors: errors.length }, () => process.disconnect());`,
  );
  await once(child, "message");
  closeSync(reader);
  child.send("go");
  assert.equal((await report(child)).errors, 1);
});

interface Report {
  readonly dropped: number;
  readonly errors: number;
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
    const errors = [];
    const onError = (error) => errors.push(error);
    const writer = await openLogWriter({ to: 1, maxBuffered: 100_000, onError });
    ${script}`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", code], {
    stdio: ["ignore", output, "inherit", "ipc"],
  });
  context.after(() => child.kill("SIGKILL"));
  closeSync(output);
  return { child, reader };
}
