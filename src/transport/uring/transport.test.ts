import { mkdtempSync, rmSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import type { SocketAddress } from "../contract.ts";
import { describeTransport, type TransportBench } from "../contract.suite.ts";
import { Engine } from "./engine.ts";
import { Ledger } from "./ledger.ts";
import { createUringTransport } from "./transport.ts";

const folder = mkdtempSync(join(tmpdir(), "transport-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let sockets = 0;

const hasIpv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some((each) => each.address === "::1"),
);

describeTransport("uring, IPv4", async () => makeBench({ kind: "tcp", host: "127.0.0.1", port: 0 }));
if (hasIpv6) {
  describeTransport("uring, IPv6", async () => makeBench({ kind: "tcp", host: "::1", port: 0 }));
}
describeTransport("uring, unix sockets", async () =>
  makeBench({ kind: "unix", path: join(folder, `${++sockets}`) }),
);

function makeBench(address: SocketAddress): TransportBench {
  const engine = new Engine(Ledger.alone());
  const server = createUringTransport({ engine });
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
    until: (promise) => promise,
    settle: async () => {
      for (let i = 0; i < 10; i++) await new Promise(setImmediate);
    },
    elapse: (ms) => engine.timers.advance(engine.timers.now + ms),
    async finish() {
      await Promise.all([server.shutdown(), client.shutdown()]);
    },
  };
}
