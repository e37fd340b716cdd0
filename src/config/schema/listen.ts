import { message, oneOrMany, text, z } from "#sdk/config.ts";
import { type WrittenAddress, parseListenAddress } from "../address.ts";
import type { ListenInput, OneOrMany } from "../input.ts";
import type { AdminConfig, ListenConfig } from "../types.ts";
import { port } from "./scalars.ts";
import { listenTls } from "./tls.ts";

/** A listen address as a string or a port number. */
const listenAddress: z.ZodType<WrittenAddress, string | number> = z.union([
  text(parseListenAddress, { expected: "an address", example: ":8080" }),
  port.transform((number): WrittenAddress => {
    return { address: { kind: "tcp", host: "", port: number }, text: `:${number}` };
  }),
]);

const listener: z.ZodType<ListenConfig, ListenInput> = z.union([
  listenAddress.transform((written) => ({ ...written, tls: null, redirect: null })),
  z
    .strictObject({
      address: listenAddress.describe(
        "Where to accept connections: `:8080` (every address, IPv6 and IPv4), `127.0.0.1:8080`, `[::1]:8080`, `unix:/run/sluice.sock`.",
      ),
      tls: listenTls.optional(),
      redirect: z
        .literal("https")
        .optional()
        .describe("`https`: every request is answered by a redirect to the same address by https."),
    })
    .transform((written): ListenConfig => ({
      ...written.address,
      tls: written.tls ?? null,
      redirect: written.redirect ?? null,
    }))
    .refine(({ tls, redirect }) => tls === null || redirect === null, {
      path: ["redirect"],
      message: message(
        "a listener that speaks TLS has nothing to redirect",
        "write `redirect: https` at a listener without `tls`",
      ),
    }),
]);

/** `listen`: an address, or a list of them. */
export const listenSchema: z.ZodType<ListenConfig[], OneOrMany<ListenInput> | undefined> =
  oneOrMany(listener)
    .prefault([":8080"])
    .describe(
      "Addresses that accept connections: one, or a list, each a string or `{ address, tls }`. An address that is in use is an error.",
    );

/** `admin`: an address, or `off`. */
export const adminSchema: z.ZodType<AdminConfig, string | undefined> = z
  .union([
    z.literal("off").transform(() => null),
    text(parseListenAddress, {
      expected: "an address",
      example: "127.0.0.1:9180",
    }).transform(({ address, text: canonical }) => ({ address, text: canonical, written: true })),
  ])
  .optional()
  .transform((written): AdminConfig => {
    if (written !== undefined) return written;
    const text = "127.0.0.1:9180";
    return { address: { kind: "tcp", host: "127.0.0.1", port: 9180 }, text, written: false };
  })
  .meta({
    description:
      "Address of the admin listener, which serves metrics (`/metrics`) and health (`/healthz`, `/readyz`), or `off`. Reachable from this machine only unless you say otherwise. Without this key 127.0.0.1:9180 is tried, and a port that is taken is only warned about.",
    default: "127.0.0.1:9180",
  });

/** `transport`: how bytes are moved. */
export const transportSchema: z.ZodType<
  "auto" | "node" | "uring",
  "auto" | "node" | "uring" | undefined
> = z
  .enum(["auto", "node", "uring"])
  .prefault("auto")
  .describe(
    "How bytes are moved. `uring`: by io_uring, which needs Linux 6.1 and the optional package koffi, and refuses to start without. `node`: by Node's own sockets, everywhere. `auto`: io_uring where it is possible, and a line in the log that says why where it is not. Another value takes effect at the next start.",
  );

/** `workers`: how many threads. */
export const workersSchema: z.ZodType<"auto" | number, "auto" | number | undefined> = z
  .union([z.literal("auto"), z.int().min(1).max(1024)])
  .prefault("auto")
  .describe(
    "Threads that proxy: a number, or `auto` for one per processor that this process may use.",
  );
