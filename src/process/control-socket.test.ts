import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { connect, createServer } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import { type ControlRequest, askControl, controlPath, serveControl } from "./control-socket.ts";

const unix = { skip: process.platform === "win32" };

function place(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return controlPath({ runtimeDir: folder, temporaryDir: "" }, "/etc/sluice.yaml");
}

test("a request gets its answer, over a socket that only its owner can open", unix, async (t) => {
  const path = place(t);
  const seen: ControlRequest[] = [];
  const server = await serveControl(path, async (request) => {
    seen.push(request);
    return { ok: false, message: "line 3: no" };
  });
  t.after(() => server.close());
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(join(path, "..")).mode & 0o777, 0o700);
  assert.deepEqual(await askControl(path, { command: "reload" }), {
    ok: false,
    message: "line 3: no",
  });
  assert.deepEqual(seen, [{ command: "reload" }]);
});

test("without an instance there is no answer", unix, async (t) => {
  assert.equal(await askControl(place(t), { command: "status" }), null);
});

test(
  "a socket that an instance left behind is replaced, one that answers is not",
  unix,
  async (t) => {
    const path = place(t);
    const first = await serveControl(path, async () => ({ ok: true, message: "first" }));
    await assert.rejects(
      serveControl(path, async () => ({ ok: true, message: "" })),
      /running/,
    );
    await first.close();
    // What a killed process leaves: a socket file that nobody listens at.
    const left = createServer().listen(path);
    await once(left, "listening");
    const second = await serveControl(join(path, "..", "other.sock"), async () => ({
      ok: true,
      message: "",
    }));
    await second.close();
    left.close();
    await once(left, "close");
    const third = await serveControl(path, async () => ({ ok: true, message: "third" }));
    t.after(() => third.close());
    assert.deepEqual(await askControl(path, { command: "status" }), { ok: true, message: "third" });
  },
);

test("nonsense is answered, and a line without an end is cut off", unix, async (t) => {
  const path = place(t);
  const server = await serveControl(path, async () => ({ ok: true, message: "" }));
  t.after(() => server.close());
  const talk = async (bytes: string): Promise<string> => {
    const socket = connect(path);
    socket.on("error", () => undefined);
    socket.write(bytes);
    const parts: Buffer[] = [];
    socket.on("data", (part) => parts.push(part));
    await once(socket, "close");
    return Buffer.concat(parts).toString();
  };
  assert.equal(await talk("GET / HTTP/1.1\r\n\r\n"), '{"ok":false,"message":"unknown command"}\n');
  assert.equal(await talk("x".repeat(100_000)), "");
});

test("names of any length give paths that a socket may have", () => {
  const at = { runtimeDir: undefined, temporaryDir: "/tmp" };
  const long = controlPath(at, "/a".repeat(500));
  assert.ok(long.length < 100);
  assert.notEqual(long, controlPath(at, "/b"));
});
