import assert from "node:assert/strict";
import { type ChildProcess, spawn, type SpawnOptions } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, describe, test } from "node:test";
import { findOldNode, unless } from "../harness/requires.ts";

const root = join(import.meta.dirname, "../..");
const oldNode = findOldNode() ?? "";
const withoutOldNode = unless(oldNode !== "", "no Node.js older than 24.11 on the PATH");

const folders: string[] = [];
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

/** An installed package of which only bin/ is real: its command line interface is `main`. */
function installed({ main, node }: { main: string; node: "beside" | "above" | "none" }): string {
  const outer = mkdtempSync(join(tmpdir(), "sluice-bin-"));
  folders.push(outer);
  const home = join(outer, "node_modules/sluice");
  mkdirSync(join(home, "dist/cli"), { recursive: true });
  cpSync(join(root, "bin"), join(home, "bin"), { recursive: true });
  writeFileSync(join(home, "package.json"), '{"type":"module"}');
  writeFileSync(join(home, "dist/cli/main.js"), main);
  if (node !== "none") {
    const modules = join(node === "beside" ? home : outer, "node_modules");
    mkdirSync(join(modules, "node/bin"), { recursive: true });
    symlinkSync(process.execPath, join(modules, "node/bin/node"));
    writeFileSync(
      join(modules, "node/package.json"),
      JSON.stringify({ version: process.versions.node }),
    );
  }
  return join(home, "bin/sluice");
}

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

class Run {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  #stdout = "";
  #stderr = "";

  constructor(program: string, args: readonly string[], options: SpawnOptions = {}) {
    this.child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
    children.push(this.child);
    this.child.stdout?.on("data", (chunk: Buffer) => (this.#stdout += chunk.toString()));
    this.child.stderr?.on("data", (chunk: Buffer) => (this.#stderr += chunk.toString()));
    // "close" also waits for whoever has inherited the pipes: the process behind a launcher.
    this.ended = once(this.child, "close").then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
      stdout: this.#stdout,
      stderr: this.#stderr,
    }));
  }

  /** Waits until standard output contains `text`. */
  async printed(text: string): Promise<void> {
    while (!this.#stdout.includes(text)) {
      assert.equal(this.child.exitCode, null, this.#stderr);
      if (this.child.stdout !== null) await once(this.child.stdout, "data");
    }
  }
}

const reportStart = `
  console.log(JSON.stringify({
    version: process.versions.node,
    args: process.argv.slice(2),
    launcher: process.env.SLUICE_LAUNCHER_PID,
  }));
`;

describe("started by a recent Node.js", () => {
  test("runs the built command line interface with the arguments given", async () => {
    const bin = installed({ main: `${reportStart} process.exitCode = 7;`, node: "none" });
    const { code, stdout } = await new Run(process.execPath, [bin, "run", "-c", "a b"]).ended;
    assert.equal(code, 7);
    assert.deepEqual(JSON.parse(stdout), {
      version: process.versions.node,
      args: ["run", "-c", "a b"],
    });
  });

  test("prefers the sources to a build, which may be older", async () => {
    const outer = mkdtempSync(join(tmpdir(), "sluice-checkout-"));
    folders.push(outer);
    cpSync(join(root, "bin"), join(outer, "bin"), { recursive: true });
    mkdirSync(join(outer, "src/cli"), { recursive: true });
    mkdirSync(join(outer, "dist/cli"), { recursive: true });
    writeFileSync(join(outer, "package.json"), '{"type":"module"}');
    writeFileSync(
      join(outer, "src/cli/main.ts"),
      "const from: string = 'sources'; console.log(from);",
    );
    writeFileSync(join(outer, "dist/cli/main.js"), "console.log('build');");
    const { stdout } = await new Run(process.execPath, [join(outer, "bin/sluice")]).ended;
    assert.equal(stdout, "sources\n");
  });

  test("says what is missing when there is neither", async () => {
    const bin = installed({ main: "", node: "none" });
    rmSync(join(bin, "../../dist"), { recursive: true });
    const { code, stderr } = await new Run(process.execPath, [bin]).ended;
    assert.equal(code, 1);
    assert.match(stderr, /^sluice: there is nothing to run in .*: run `npm run build`\.\n$/u);
  });
});

describe("started by a Node.js that is too old", { skip: withoutOldNode }, () => {
  for (const node of ["beside", "above"] as const) {
    test(`hands over to the npm package node ${node} it`, async () => {
      const bin = installed({ main: `${reportStart} process.exitCode = 7;`, node });
      const { code, stdout, stderr } = await new Run(oldNode, [bin, "check", "x"]).ended;
      assert.equal(stderr, "");
      assert.equal(code, 7);
      assert.deepEqual(JSON.parse(stdout), {
        version: process.versions.node,
        args: ["check", "x"],
      });
    });
  }

  test("says what to install when there is no other", async () => {
    const bin = installed({ main: reportStart, node: "none" });
    const { code, stdout, stderr } = await new Run(oldNode, [bin]).ended;
    assert.equal(code, 1);
    assert.equal(stdout, "");
    assert.match(
      stderr,
      /^sluice: this is Node\.js \d+\.\d+\.\d+, and 24\.11 or newer is needed: .*\n$/u,
    );
  });

  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const) {
    test(`passes ${signal} on`, async () => {
      const bin = installed({
        main: `
          const idle = setInterval(() => {}, 1000);
          process.on("${signal}", () => { console.log("got ${signal}"); clearInterval(idle); });
          console.log("ready");
        `,
        node: "beside",
      });
      const run = new Run(oldNode, [bin]);
      await run.printed("ready");
      run.child.kill(signal);
      const { code, stdout } = await run.ended;
      assert.equal(stdout, `ready\ngot ${signal}\n`);
      assert.equal(code, 0);
    });
  }

  test("ends by the signal that ended the process behind it", async () => {
    const bin = installed({ main: 'process.kill(process.pid, "SIGKILL");', node: "beside" });
    const { code, signal } = await new Run(oldNode, [bin]).ended;
    assert.deepEqual({ code, signal }, { code: null, signal: "SIGKILL" });
  });

  test("a signal that nobody handles ends both", async () => {
    const main = 'setInterval(() => {}, 1000); console.log("ready");';
    const run = new Run(oldNode, [installed({ main, node: "beside" })]);
    await run.printed("ready");
    run.child.kill("SIGTERM");
    const { signal } = await run.ended;
    assert.equal(signal, "SIGTERM");
  });

  test("the process behind it ends as on SIGTERM when the launcher is killed", async () => {
    const bin = installed({
      main: `
        const idle = setInterval(() => {}, 1000);
        process.on("SIGTERM", () => { console.log("draining"); clearInterval(idle); });
        console.log("ready");
      `,
      node: "beside",
    });
    const run = new Run(oldNode, [bin]);
    await run.printed("ready");
    run.child.kill("SIGKILL");
    const { stdout } = await run.ended;
    assert.equal(stdout, "ready\ndraining\n");
  });

  test("the process behind it ends when its work is done, launcher or not", async () => {
    const run = new Run(oldNode, [installed({ main: "", node: "beside" })]);
    assert.equal((await run.ended).code, 0);
  });

  test("inherited sockets keep their numbers and are addressed to the process behind it", async () => {
    const bin = installed({
      main: `
        import { fstatSync } from "node:fs";
        console.log(JSON.stringify({
          isOurs: process.env.LISTEN_PID === String(process.pid),
          isSocket: fstatSync(3).isSocket() && fstatSync(4).isSocket(),
        }));
      `,
      node: "beside",
    });
    const run = new Run(
      "/bin/sh",
      ["-c", 'LISTEN_PID=$$ LISTEN_FDS=2 exec "$0" "$1"', oldNode, bin],
      { stdio: ["ignore", "pipe", "pipe", "pipe", "pipe"] },
    );
    const { stdout, stderr } = await run.ended;
    assert.equal(stderr, "");
    assert.deepEqual(JSON.parse(stdout), { isOurs: true, isSocket: true });
  });
});
