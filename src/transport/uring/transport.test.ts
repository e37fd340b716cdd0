import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import type { SocketAddress } from "../contract.ts";
import { describeTransport, type TransportBench } from "../contract.suite.ts";
import { Engine } from "./engine.ts";
import { Ledger } from "./ledger.ts";
import { AF_INET, SOCK_NONBLOCK, SOCK_STREAM } from "./native/layout.ts";
import { ADDRESS, encodeAddress, readPort } from "./native/sockaddr.ts";
import { createUringTransport } from "./transport.ts";

const folder = mkdtempSync(join(tmpdir(), "transport-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let sockets = 0;
const shared: (() => void)[] = [];

const hasIpv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some((each) => each.address === "::1"),
);

const IPV4 = { kind: "tcp", host: "127.0.0.1", port: 0 } as const;
describeTransport("uring, IPv4", async () => makeBench(IPV4));
describeTransport("uring, IPv4, one of several workers", async () => makeBench(IPV4, true));
if (hasIpv6) {
  describeTransport("uring, IPv6", async () => makeBench({ kind: "tcp", host: "::1", port: 0 }));
}
describeTransport("uring, unix sockets", async () =>
  makeBench({ kind: "unix", path: join(folder, `${++sockets}`) }),
);

/** A listening socket that nobody accepts from, and descriptors of it. */
function shareDescriptor(
  engine: Engine,
  address: SocketAddress & { kind: "tcp" },
): Awaited<ReturnType<NonNullable<TransportBench["descriptors"]>>> {
  const { libc } = engine;
  const dup = libc.function("int dup(int)") as (fd: number) => number;
  const fd = libc.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
  assert.equal(
    libc.bind(
      fd,
      encodeAddress(address, () => 0)!,
    ),
    0,
  );
  assert.equal(libc.listen(fd, 100), 0);
  libc.getsockname(fd, ADDRESS);
  shared.push(() => libc.close(fd));
  return { address: { ...address, port: readPort() }, next: async () => dup(fd) };
}

function makeBench(address: SocketAddress, sharesListeners = false): TransportBench {
  const engine = new Engine(Ledger.alone());
  const server = createUringTransport({ engine, sharesListeners });
  const client = createUringTransport({ engine });
  return {
    server,
    client,
    address,
    nobody:
      address.kind === "tcp"
        ? { ...address, port: 1 }
        : { kind: "unix", path: `${address.path}-none` },
    ...(address.kind === "tcp" && address.host === "127.0.0.1"
      ? { unreachable: { kind: "tcp", host: "255.255.255.255", port: 80 } }
      : {}),
    resets: address.kind === "tcp",
    ...(address.kind === "tcp" && address.host === "127.0.0.1"
      ? { descriptors: async () => shareDescriptor(engine, address) }
      : {}),
    until: (promise) => promise,
    settle: async () => {
      for (let i = 0; i < 10; i++) await new Promise(setImmediate);
    },
    elapse: (ms) => engine.timers.advance(engine.timers.now + ms),
    async finish() {
      for (const close of shared.splice(0)) close();
      await Promise.all([server.shutdown(), client.shutdown()]);
    },
  };
}
