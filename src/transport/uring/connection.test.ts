import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { ConnectionHandler, SocketAddress, Transport } from "../contract.ts";
import { Engine } from "./engine.ts";
import { Ledger } from "./ledger.ts";
import { AF_UNIX, SOCK_STREAM } from "./native/layout.ts";
import { encodeAddress } from "./native/sockaddr.ts";
import { createUringTransport } from "./transport.ts";
import { foreseeable } from "./unavailable.ts";

const skip = foreseeable() === null ? false : "needs io_uring";

const nothing = (): void => undefined;
const QUIET: ConnectionHandler = {
  onConnect: nothing,
  onData: nothing,
  onEnd: nothing,
  onWritable: nothing,
  onClose: nothing,
};

describe("a connection over io_uring", { skip }, () => {
  let engine: Engine;
  let transport: Transport;
  before(() => {
    engine = new Engine(Ledger.alone());
    transport = createUringTransport({ engine });
  });
  after(() => transport.shutdown());

  const encode = (address: SocketAddress): Uint8Array => encodeAddress(address, () => 0)!;

  it("to a unix socket whose queue is full is refused, and waits nowhere", async () => {
    const folder = mkdtempSync(join(tmpdir(), "full-"));
    const address = { kind: "unix", path: join(folder, "socket") } as const;
    const fd = engine.libc.socket(AF_UNIX, SOCK_STREAM);
    engine.libc.bind(fd, encode(address));
    engine.libc.listen(fd, 0);
    const outcome = (): Promise<string> =>
      new Promise((resolve) => {
        transport.connect(address, 5000, {
          ...QUIET,
          onConnect: () => resolve("up"),
          onClose: (_, failure) => resolve(`${failure?.code}, ${failure?.detail}`),
        });
      });
    assert.deepEqual(
      [await outcome(), await outcome(), await outcome()],
      ["up", "refused, EAGAIN", "refused, EAGAIN"],
    );
    engine.libc.close(fd);
    rmSync(folder, { recursive: true });
  });
});
