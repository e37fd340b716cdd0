import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import type { SocketAddress } from "../../contract.ts";
import { describeOpenssl } from "../../openssl.suite.ts";
import { describeTls, type TlsBench } from "../../tls.suite.ts";
import { Engine } from "../engine.ts";
import { Ledger } from "../ledger.ts";
import { createUringTransport } from "../transport.ts";

const folder = mkdtempSync(join(tmpdir(), "tls-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let sockets = 0;

const overTcp = async (): Promise<TlsBench> =>
  makeBench({ kind: "tcp", host: "127.0.0.1", port: 0 });

describeTls("uring, IPv4", overTcp);
describeTls("uring, unix sockets", async () =>
  makeBench({ kind: "unix", path: join(folder, `${++sockets}`) }),
);
describeOpenssl("uring", overTcp);

function makeBench(address: SocketAddress): TlsBench {
  const engine = new Engine(Ledger.alone());
  const server = createUringTransport({ engine });
  const client = createUringTransport({ engine });
  return {
    server,
    client,
    address,
    nobody: { kind: "unix", path: join(folder, "none") },
    resets: address.kind === "tcp",
    alertsBadClients: true,
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
