import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import { closed, fetchText, startBackend } from "../harness/app.ts";

const program = join(import.meta.dirname, "../../bin/sluice");

/** `sluice` as a process of its own, in a folder of its own. */
class Sluice {
  readonly child: ChildProcess;
  stderr = "";
  #wake: (() => void) | null = null;

  constructor(t: TestContext, folder: string, args: readonly string[]) {
    this.child = spawn(process.execPath, [program, ...args], {
      cwd: folder,
      env: { ...process.env, XDG_RUNTIME_DIR: folder },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
      this.stderr += chunk;
      this.#wake?.();
    });
    this.child.stdout?.resume();
    this.child.once("exit", () => this.#wake?.());
    t.after(() => this.child.kill("SIGKILL"));
  }

  /** Waits for a message of the log. */
  async until(code: string, times = 1): Promise<Record<string, unknown>> {
    for (;;) {
      const found = this.stderr
        .split("\n")
        .filter((line) => line.includes(`"code":"${code}"`))
        .at(times - 1);
      if (found !== undefined) return JSON.parse(found) as Record<string, unknown>;
      if (this.child.exitCode !== null) throw new Error(`it ended: ${this.stderr}`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async port(): Promise<number> {
    const { url } = await this.until("listening");
    return Number(new URL(String(url)).port);
  }

  async exit(): Promise<number | null> {
    if (this.child.exitCode === null) await once(this.child, "exit");
    return this.child.exitCode;
  }
}

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-process-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const yaml = (backend: number, more = ""): string =>
  `listen: 127.0.0.1:0\nadmin: off\nworkers: 1\nupstreams: { app: "http://127.0.0.1:${backend}" }\n${more}`;

test("--to proxies an application without any file", async (t) => {
  const backend = await startBackend(t, (_request, response) => response.end("hello"));
  const sluice = new Sluice(t, folderOf(t), [
    "--to",
    `http://127.0.0.1:${backend}`,
    "--listen",
    "127.0.0.1:0",
  ]);
  assert.deepEqual(await fetchText(await sluice.port(), "/"), { status: 200, body: "hello" });
});

test("SIGTERM lets a request end, takes no new one, and exits with 0", async (t) => {
  const arrived = Promise.withResolvers<ServerResponse>();
  const backend = await startBackend(t, (_request, response) => arrived.resolve(response));
  const folder = folderOf(t);
  writeFileSync(join(folder, "sluice.yaml"), yaml(backend));
  const sluice = new Sluice(t, folder, ["run"]);
  const port = await sluice.port();
  const slow = fetchText(port, "/");
  const response = await arrived.promise;
  sluice.child.kill("SIGTERM");
  await sluice.until("stopping");
  await closed(port, "127.0.0.1");
  response.end("in the end");
  assert.equal((await slow).body, "in the end");
  assert.equal(await sluice.exit(), 0);
});

test("what does not end within the drain time is cut", async (t) => {
  const arrived = Promise.withResolvers<void>();
  const backend = await startBackend(t, () => arrived.resolve());
  const folder = folderOf(t);
  writeFileSync(join(folder, "sluice.yaml"), yaml(backend, "timeouts: { drain: 100ms }\n"));
  const sluice = new Sluice(t, folder, ["run"]);
  const cut = assert.rejects(fetchText(await sluice.port(), "/"));
  await arrived.promise;
  sluice.child.kill("SIGTERM");
  await cut;
  assert.equal(await sluice.exit(), 0);
});

test("the second signal ends it at once", async (t) => {
  const arrived = Promise.withResolvers<void>();
  const backend = await startBackend(t, () => arrived.resolve());
  const folder = folderOf(t);
  writeFileSync(join(folder, "sluice.yaml"), yaml(backend));
  const sluice = new Sluice(t, folder, ["run"]);
  void fetchText(await sluice.port(), "/").catch(() => undefined);
  await arrived.promise;
  sluice.child.kill("SIGTERM");
  await sluice.until("stopping");
  sluice.child.kill("SIGTERM");
  assert.equal(await sluice.exit(), 143);
});

test("reload: by command, with the reason when refused; by SIGHUP; by changing the file", async (t) => {
  const folder = folderOf(t);
  const file = join(folder, "sluice.yaml");
  const backends = await Promise.all(
    ["one", "two", "three", "four"].map((name) =>
      startBackend(t, (_request, response) => response.end(name)),
    ),
  );
  const write = (index: number): void => writeFileSync(file, yaml(backends[index] ?? 0));
  write(0);
  const sluice = new Sluice(t, folder, ["run"]);
  const port = await sluice.port();
  const answer = async (): Promise<string> => (await fetchText(port, "/")).body;
  assert.equal(await answer(), "one");

  write(1);
  const good = new Sluice(t, folder, ["reload", "-c", "sluice.yaml"]);
  assert.equal(await good.exit(), 0, good.stderr);
  assert.equal(await answer(), "two");

  writeFileSync(file, "upstreams: { app: 12345678 }\n");
  const bad = new Sluice(t, folder, ["reload"]);
  assert.equal(await bad.exit(), 1);
  assert.match(bad.stderr, /sluice\.yaml:1:19/);
  assert.equal(await answer(), "two");

  write(2);
  await sluice.until("reloaded", 2);
  assert.equal(await answer(), "three");

  write(3);
  sluice.child.kill("SIGHUP");
  await sluice.until("reloaded", 3);
  assert.equal(await answer(), "four");
});

test("an address in use is said, with who has it, and ends the start", async (t) => {
  const taken = await startBackend(t, (_request, response) => response.end());
  const sluice = new Sluice(t, folderOf(t), ["--to", ":1", "--listen", `127.0.0.1:${taken}`]);
  assert.equal(await sluice.exit(), 1);
  assert.match(sluice.stderr, /is in use by/);
});
