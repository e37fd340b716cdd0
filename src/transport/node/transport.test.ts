import { type ChildProcess, type SendHandle, spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as net from "node:net";
import * as os from "node:os";
import * as path from "node:path";
import { after } from "node:test";
import type { SocketAddress } from "../contract.ts";
import { describeTransport, type TransportBench } from "../contract.suite.ts";
import { createNodeTransport } from "./transport.ts";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "transport-"));
after(() => fs.rmSync(folder, { recursive: true, force: true }));
let sockets = 0;

const hasIpv6 = Object.values(os.networkInterfaces()).some((list) =>
  list?.some((each) => each.address === "::1"),
);

describeTransport("node, IPv4", async () => makeBench(tcp("127.0.0.1")));
if (hasIpv6) describeTransport("node, IPv6", async () => makeBench(tcp("::1")));
describeTransport("node, unix sockets", async () => {
  const name = path.join(folder, `${++sockets}`);
  return makeBench({ kind: "unix", path: name });
});

const children: ChildProcess[] = [];

/** A listening socket that nobody accepts from, and descriptors of it: each a copy that has been to a child and back. */
async function shareDescriptor(
  address: SocketAddress & { kind: "tcp" },
): Promise<{ address: SocketAddress; next: () => Promise<number> }> {
  const child = spawn(
    process.execPath,
    ["-e", "process.on('message', (m, h) => process.send(m, h, () => h.close()))"],
    { stdio: ["ignore", "inherit", "inherit", "ipc"] },
  );
  children.push(child);
  const bounce = async (handle: SendHandle): Promise<{ fd: number }> => {
    child.send({}, handle);
    const [, copy] = (await once(child, "message")) as [unknown, { fd: number }];
    return copy;
  };
  const original = net.createServer().listen(address);
  await once(original, "listening");
  const { port } = original.address() as net.AddressInfo;
  const bounced = bounce((original as unknown as { _handle: SendHandle })._handle);
  original.close();
  const kept = await bounced;
  return {
    address: { ...address, port },
    next: async () => (await bounce(kept as unknown as SendHandle)).fd,
  };
}

function tcp(host: string): SocketAddress {
  return { kind: "tcp", host, port: 0 };
}

function makeBench(address: SocketAddress): TransportBench {
  const server = createNodeTransport();
  const client = createNodeTransport();
  const nobody: SocketAddress =
    address.kind === "tcp"
      ? { ...address, port: 1 }
      : { kind: "unix", path: `${address.path}-none` };
  return {
    server,
    client,
    address,
    nobody,
    ...(address.kind === "tcp" && address.host === "127.0.0.1"
      ? { unreachable: { kind: "tcp", host: "255.255.255.255", port: 80 } }
      : {}),
    resets: address.kind === "tcp",
    ...(address.kind === "tcp" ? { descriptors: () => shareDescriptor(address) } : {}),
    until: (promise) => promise,
    // Long enough for a few turns of the loop, with everything on the same machine and thread.
    settle: async () => {
      for (let i = 0; i < 10; i++) await new Promise(setImmediate);
    },
    elapse(ms) {
      for (const transport of [server, client]) transport.timers.advance(transport.timers.now + ms);
    },
    async finish() {
      for (const child of children.splice(0)) child.disconnect();
      await Promise.all([server.shutdown(), client.shutdown()]);
    },
  };
}
