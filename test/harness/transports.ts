/**
 * The transport that a test of the data plane runs on. `npm test` runs the tests with sockets twice, once for each:
 * SLUICE_TEST_TRANSPORT says which, and SLUICE_TRANSPORT says the same to the proxies that are started as programs.
 */

import type { Transport } from "#transport/contract.ts";
import { createNodeTransport } from "#transport/node/transport.ts";
import { Engine } from "#transport/uring/engine.ts";
import { Ledger } from "#transport/uring/ledger.ts";
import { createUringTransport } from "#transport/uring/transport.ts";

/** The transport under test. */
export const TRANSPORT: "node" | "uring" =
  process.env["SLUICE_TEST_TRANSPORT"] === "uring" ? "uring" : "node";

let engine: Engine | undefined;

/** One of the kind under test. Several of one thread share their loop, as one that waits would keep others waiting. */
export function createTestTransport(): Transport {
  if (TRANSPORT === "node") return createNodeTransport();
  if (engine === undefined || engine.closed) engine = new Engine(Ledger.alone());
  return createUringTransport({ engine });
}
