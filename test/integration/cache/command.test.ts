/** `sluice cache`, against a running instance. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { purge } from "#cli/cache.ts";
import type { Terminal } from "#cli/terminal.ts";
import { serveControl, controlPath, type ControlRequest } from "#process/control-socket.ts";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

test("what is asked for reaches the instance as it is meant", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "sluice-cache-"));
  t.after(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, "sluice.yaml"), "upstreams: { a: 1 }\n");
  const asked: ControlRequest[] = [];
  const place = { runtimeDir: directory, temporaryDir: directory };
  const server = await serveControl(
    controlPath(place, join(directory, "sluice.yaml")),
    (request) => {
      asked.push(request);
      return Promise.resolve({ ok: true, message: "forgotten: 2" });
    },
  );
  t.after(() => server.close());
  const said: string[] = [];
  // What else a terminal has is not looked at.
  const terminal = {
    directory,
    environment: { XDG_RUNTIME_DIR: directory },
    out: (text: string) => said.push(text),
    err: (text: string) => said.push(text),
  } as unknown as Terminal;
  assert.equal(await purge(terminal, "HTTP://App.Test", {}), 0);
  assert.equal(await purge(terminal, undefined, { prefix: "https://app.test/a" }), 0);
  assert.equal(await purge(terminal, undefined, { tag: "Red" }), 0);
  assert.equal(await purge(terminal, undefined, { all: true }), 0);
  assert.deepEqual(asked, [
    { command: "purge", what: { kind: "url", url: "http://app.test/" } },
    { command: "purge", what: { kind: "prefix", prefix: "https://app.test/a" } },
    { command: "purge", what: { kind: "tag", tag: "Red" } },
    { command: "purge", what: { kind: "all" } },
  ]);
  assert.equal(said.at(-1), "forgotten: 2\n");
  assert.equal(await purge(terminal, undefined, {}), 1);
  assert.equal(await purge(terminal, "http://a.test/", { all: true }), 1);
  assert.equal(await purge(terminal, "/a", {}), 1);
  assert.equal(asked.length, 4);
});
