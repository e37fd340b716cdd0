/**
 * Hostile clients, as a process of its own: its parent tells it what to do, and it tells what came of it. Connections
 * come from several addresses, since one has not enough ports.
 */

import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import { Xorshift } from "#core/random.ts";

/** What a crowd is told to do. */
export type Order =
  /** Opens connections and keeps them. With `reads: false` not a byte is read after the request. */
  | {
      readonly do: "come";
      readonly port: number;
      readonly count: number;
      readonly request: string;
      readonly reads: boolean;
    }
  /** Leaves with all that came, half of them by a reset. */
  | { readonly do: "leave" }
  /** Misbehaves in every way for a while. */
  | {
      readonly do: "rage";
      readonly port: number;
      readonly clients: number;
      readonly seconds: number;
      readonly seed: number;
    };

/** What came of an order. */
export interface Outcome {
  /** Connections that are held. */
  readonly held: number;
  /** Connections that were told that there are too many. */
  readonly refused: number;
  /** Connections that came to nothing, by reason. */
  readonly failed: Readonly<Record<string, number>>;
  /** Things done, by name. */
  readonly deeds: Readonly<Record<string, number>>;
}

/** Connections that are opened at the same time. */
const AT_ONCE = 100;
const SAYS_NOTHING_FOR = 30_000;

const held = new Set<Socket>();

process.on("message", (order: Order) => {
  void obey(order).then((outcome) => process.send?.(outcome));
});
process.on("disconnect", () => process.exit(0));
process.send?.("ready");

async function obey(order: Order): Promise<Outcome> {
  const failed: Record<string, number> = {};
  const deeds: Record<string, number> = {};
  let refused = 0;
  const count = (where: Record<string, number>, what: string): void => {
    where[what] = (where[what] ?? 0) + 1;
  };
  switch (order.do) {
    case "come": {
      let left = order.count;
      const one = async (): Promise<void> => {
        while (left > 0) {
          const became = await come(order, left--);
          if (became === "refused") refused++;
          else if (became !== "held") count(failed, became);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, one));
      break;
    }
    case "leave": {
      let number = 0;
      for (const socket of held) {
        if (number++ % 2 === 0) socket.resetAndDestroy();
        else socket.destroy();
      }
      held.clear();
      break;
    }
    case "rage": {
      const until = performance.now() + order.seconds * 1000;
      await Promise.all(
        Array.from({ length: order.clients }, async (_, index) => {
          const random = new Xorshift(order.seed * 10_000 + index);
          while (performance.now() < until) count(deeds, await misbehave(order.port, random));
        }),
      );
      break;
    }
  }
  return { held: held.size, refused, failed, deeds };
}

/** Opens one, and says its request. Resolves when it is held for good, or why it is not. */
async function come(order: Order & { readonly do: "come" }, number: number): Promise<string> {
  const socket = open(order.port, number);
  const { promise, resolve } = Promise.withResolvers<string>();
  let text = "";
  let told = false;
  const timer = setTimeout(() => resolve("silence"), SAYS_NOTHING_FOR);
  socket.on("connect", () => socket.write(order.request));
  socket.on("error", (error) => resolve((error as NodeJS.ErrnoException).code ?? "error"));
  socket.on("close", () => {
    held.delete(socket);
    resolve("closed");
  });
  // What has come by then says whether it is served; the rest stays in the kernel.
  socket.on("data", (bytes) => {
    if (told) return;
    text += bytes.toString("latin1", 0, 1000);
    if (!text.includes("\r\n\r\n")) return;
    told = true;
    if (!order.reads) socket.pause();
    if (text.includes('details="connection_limit"')) resolve("refused");
    else resolve(text.startsWith("HTTP/1.1 200 ") ? "held" : text.slice(0, 30));
  });
  const became = await promise;
  clearTimeout(timer);
  if (became === "held") held.add(socket);
  else socket.destroy();
  return became;
}

function open(port: number, number: number): Socket {
  return connect({
    port,
    host: "127.0.0.1",
    localAddress: `127.0.1.${1 + (number % 250)}`,
    noDelay: true,
    allowHalfOpen: true,
  });
}

const GET = "GET /bulk HTTP/1.1\r\nHost: hostile.example\r\n\r\n";
const LARGE = "GET /10m HTTP/1.1\r\nHost: hostile.example\r\n\r\n";
const UPLOAD = "POST /bulk HTTP/1.1\r\nHost: hostile.example\r\nContent-Length: 10000000\r\n\r\n";
const ECHO =
  "GET /own/length/0/0/0 HTTP/1.1\r\nHost: hostile.example\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";

/** What one connection may do; the name, and the deed. */
const DEEDS: readonly (readonly [string, (socket: Socket, random: Xorshift) => Promise<void>])[] = [
  ["noise", async (socket, random) => void socket.write(noise(random, 1 + random.int(8000)))],
  [
    "a request with a wrong byte",
    async (socket, random) => {
      const bytes = Buffer.from([GET, UPLOAD, ECHO][random.int(3)]!);
      bytes[random.int(bytes.length)] = random.int(256);
      socket.write(bytes);
      await sleep(random.int(50));
    },
  ],
  [
    "a request cut short",
    async (socket, random) => void socket.write(GET.slice(0, random.int(GET.length))),
  ],
  ["silence", async (_socket, random) => sleep(random.int(2000))],
  [
    "byte by byte",
    async (socket, random) => {
      for (const byte of LARGE) {
        socket.write(byte);
        await sleep(random.int(30));
        if (socket.destroyed) return;
      }
    },
  ],
  [
    "a large answer that is not read",
    async (socket, random) => {
      socket.pause();
      socket.write(LARGE);
      await sleep(random.int(3000));
      if (random.int(2) === 0) socket.resume();
      await sleep(random.int(20));
    },
  ],
  [
    "a large answer that is read in sips",
    async (socket, random) => {
      socket.write(LARGE);
      for (let sip = 0; sip < 40 && !socket.destroyed; sip++) {
        socket.pause();
        await sleep(random.int(20));
        socket.resume();
        await sleep(1);
      }
    },
  ],
  [
    "an upload that stops",
    async (socket, random) => {
      socket.write(UPLOAD);
      socket.write(noise(random, random.int(300_000)));
      await sleep(random.int(500));
    },
  ],
  [
    "a flood whose answers are not read",
    async (socket, random) => {
      socket.pause();
      socket.write(GET.repeat(1 + random.int(300)));
      await sleep(random.int(500));
    },
  ],
  [
    "a tunnel that is cut",
    async (socket, random) => {
      socket.write(ECHO);
      socket.write(noise(random, random.int(200_000)));
      await sleep(random.int(200));
    },
  ],
  [
    "the end before the answer",
    async (socket, random) => {
      socket.end([GET, LARGE, UPLOAD][random.int(3)]!);
      await sleep(random.int(100));
    },
  ],
];

/** One connection, and one deed on it. @returns what it was */
async function misbehave(port: number, random: Xorshift): Promise<string> {
  const socket = open(port, random.int(250));
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.on("error", () => undefined);
  socket.resume();
  // Node may never close a socket that is reset before it is connected.
  await Promise.race([new Promise((resolve) => socket.once("connect", resolve)), closed]);
  const [name, deed] = DEEDS[random.int(DEEDS.length)]!;
  await deed(socket, random);
  if (random.int(2) === 0) socket.resetAndDestroy();
  else socket.destroy();
  await Promise.race([closed, sleep(5000)]);
  socket.destroy();
  return name;
}

function noise(random: Xorshift, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let i = 0; i < length; i++) bytes[i] = random.int(256);
  return bytes;
}
