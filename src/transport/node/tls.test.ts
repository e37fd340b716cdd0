import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after } from "node:test";
import type { SocketAddress } from "../contract.ts";
import { describeOpenssl } from "../openssl.suite.ts";
import { describeTls, type TlsBench } from "../tls.suite.ts";
import { createNodeTransport } from "./transport.ts";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tls-"));
after(() => fs.rmSync(folder, { recursive: true, force: true }));
let sockets = 0;

const overTcp = async (): Promise<TlsBench> =>
  makeBench({ kind: "tcp", host: "127.0.0.1", port: 0 });

describeTls("node, IPv4", overTcp);
describeTls("node, unix sockets", async () =>
  makeBench({ kind: "unix", path: path.join(folder, `${++sockets}`) }),
);
describeOpenssl("node", overTcp);

function makeBench(address: SocketAddress): TlsBench {
  const server = createNodeTransport();
  const client = createNodeTransport();
  return {
    server,
    client,
    address,
    nobody: address,
    resets: address.kind === "tcp",
    alertsBadClients: false,
    until: (promise) => promise,
    settle: async () => {
      for (let i = 0; i < 10; i++) await new Promise(setImmediate);
    },
    elapse(ms) {
      for (const transport of [server, client]) transport.timers.advance(transport.timers.now + ms);
    },
    async finish() {
      await Promise.all([server.shutdown(), client.shutdown()]);
    },
  };
}
