/** Which transport a proxy gets, and what it says about it. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";

import { missing, requireProgram, unless } from "../../harness/requires.ts";
import { runSluice, startSluice, type Sluice } from "../../harness/sluice.ts";
import { startBackend } from "../../harness/app.ts";
import { ask } from "./facts.ts";

const onLinux = process.platform === "linux";

/**
 * Runs the proxy where a system call fails, as it does under a container's seccomp filter or on another kernel. The
 * tracer is the child and not the parent, so that signals reach the proxy.
 */
const failing = (call: string, error: string): string =>
  `exec ${requireProgram("strace")} -D -f -qq --seccomp-bpf -o /dev/null -e trace=${call} ` +
  `-e inject=${call}:error=${error} "$0" "$@"`;

const transportLine = (sluice: Sluice): string =>
  sluice.stderr().match(/transport (?:node|uring) \([^"]+/)?.[0] ?? "";

describe("transport: auto", { skip: unless(onLinux, "needs Linux") }, () => {
  test("is io_uring where the machine allows it", async (t) => {
    const port = await startBackend(t, (_, outgoing) => outgoing.end("ok"));
    const sluice = await startSluice(t, {
      args: ["--to", `http://127.0.0.1:${port}`, "--listen", "127.0.0.1:0"],
      environment: { SLUICE_TRANSPORT: "auto" },
    });
    await sluice.said(/transport (?:node|uring)/);
    assert.match(
      transportLine(sluice),
      /^transport uring \(io_uring, Linux [\d.]+.*\), \d+ workers?$/,
    );
    assert.equal((await ask(`${sluice.url}/`)).status, 200);
    await sluice.stop();
  });

  for (const [error, sentence] of [
    ["EPERM", /this process may not use io_uring.*seccomp/],
    ["ENOSYS", /built without io_uring|seccomp filter hides it/],
    ["ENOMEM", /no memory for a ring/],
    ["EINVAL", /io_uring_setup EINVAL/],
  ] as const) {
    test(
      `is Node's sockets where io_uring fails with ${error}, and says why`,
      { skip: missing("strace") },
      async (t) => {
        const port = await startBackend(t, (_, outgoing) => outgoing.end("ok"));
        const sluice = await startSluice(t, {
          args: ["--to", `http://127.0.0.1:${port}`, "--listen", "127.0.0.1:0"],
          environment: { SLUICE_TRANSPORT: "auto" },
          shell: failing("io_uring_setup", error),
        });
        await sluice.said(/transport (?:node|uring)/);
        assert.match(transportLine(sluice), /^transport node \(Node's own sockets\)/);
        assert.match(transportLine(sluice), sentence);
        assert.equal((await ask(`${sluice.url}/`)).status, 200);
        await sluice.stop();
      },
    );
  }
});

describe("transport: uring", { skip: unless(onLinux, "needs Linux") }, () => {
  test(
    "refuses to start where it is not possible, and says what helps",
    { skip: missing("strace") },
    async (t) => {
      const yaml =
        "transport: uring\nadmin: off\nupstreams: { app: http://127.0.0.1:1 }\nroutes: [{ match: /*, to: app }]\nlisten: 127.0.0.1:0\n";
      const { code, stderr } = await runSluice(t, {
        files: { "sluice.yaml": yaml },
        environment: { SLUICE_TRANSPORT: "" },
        shell: failing("io_uring_setup", "EPERM"),
      });
      assert.equal(code, 1);
      assert.match(
        stderr,
        /`transport: uring` is not possible here: this process may not use io_uring/,
      );
      assert.match(stderr, /seccomp profile that allows io_uring_setup/);
      assert.match(stderr, /or write `transport: auto`/);
    },
  );
});

test("SLUICE_TRANSPORT that is no transport is refused", async (t) => {
  const { code, stderr } = await runSluice(t, {
    args: ["--to", "3000"],
    environment: { SLUICE_TRANSPORT: "epoll" },
  });
  assert.equal(code, 1);
  assert.match(stderr, /there is no transport `epoll`/);
  assert.match(stderr, /hint: write auto, node or uring/);
});

test(
  "the io_uring transport works without privileges and with the usual limit of locked memory",
  { skip: unless(onLinux && process.getuid?.() === 0, "needs root, to become nobody") },
  (t) => {
    const { node, suite } = copyForAll(t);
    const run = spawnSync(
      "setpriv",
      [
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--inh-caps=-all",
        "prlimit",
        "--memlock=8388608:8388608",
        node,
        "--test",
        "--test-reporter=spec",
        suite,
      ],
      { encoding: "utf8", env: { PATH: process.env["PATH"] } },
    );
    assert.equal(run.status, 0, `${run.stdout}${run.stderr}`);
    assert.match(run.stdout, /^ℹ pass [1-9]\d+$/m);
    assert.match(run.stdout, /^ℹ fail 0$/m);
  },
);

/** Node.js and the transport with its tests, where everybody may read them: a checkout may be in a folder of root's. */
function copyForAll(t: TestContext): { node: string; suite: string } {
  const root = join(import.meta.dirname, "../../..");
  const folder = mkdtempSync(join(tmpdir(), "sluice-all-"));
  t.after(() => rmSync(folder, { recursive: true }));
  chmodSync(folder, 0o755);
  const names = ["src/core", "src/transport", "package.json"];
  for (const name of [...names, "node_modules/koffi", "node_modules/@koromix"]) {
    cpSync(join(root, name), join(folder, name), { recursive: true });
  }
  const node = join(folder, "node");
  cpSync(process.execPath, node);
  return { node, suite: join(folder, "src/transport/uring/transport.test.ts") };
}
