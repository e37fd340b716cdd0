import { Xorshift } from "#core/random.ts";
import { describeTransport, type TransportBench } from "../contract.suite.ts";
import { createMemoryNetwork, type MemoryNetwork } from "./network.ts";

for (const seed of [1, 2, 3]) {
  describeTransport(`memory, seed ${seed}`, async () => makeBench(seed));
}

function makeBench(seed: number): TransportBench {
  const network = createMemoryNetwork({ random: new Xorshift(seed) });
  const server = network.transport();
  const client = network.transport();
  const unreachable = { kind: "tcp", host: "192.0.2.1", port: 80 } as const;
  network.behave(unreachable, { refuse: { code: "unreachable", detail: "ENETUNREACH" } });
  return {
    server,
    client,
    address: { kind: "tcp", host: "127.0.0.1", port: 0 },
    nobody: { kind: "tcp", host: "127.0.0.1", port: 9 },
    unreachable,
    resets: true,
    until: (promise) => until(network, promise),
    settle: async () => network.run(),
    elapse: (ms) => network.timers.advance(network.timers.now + ms),
    async finish() {
      await until(network, Promise.all([server.shutdown(), client.shutdown()]));
      network.run();
      network.assertClean();
    },
  };
}

/** Runs the network, and its time if nothing else helps, until the promise is settled. */
async function until<T>(network: MemoryNetwork, promise: Promise<T>): Promise<T> {
  const pending = Symbol("pending");
  for (let i = 0; i < 1000; i++) {
    network.run();
    const next = new Promise<typeof pending>((resolve) => setImmediate(resolve, pending));
    const result = await Promise.race([promise, next]);
    if (result !== pending) return result;
    network.advance(1);
  }
  throw new Error("nothing happens any more");
}
