/** The machine that this process runs on. */

import { hostname, networkInterfaces } from "node:os";

import type { Machine } from "./machine.ts";

/** What it is called, and its addresses without zones, as they are now. */
export function thisMachine(): Machine {
  const addresses = Object.values(networkInterfaces()).flatMap((all) =>
    (all ?? []).map(({ address }) => address.replace(/%.*$/, "")),
  );
  return { hostname: hostname(), addresses };
}
