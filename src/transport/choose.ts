/** Which transport a worker gets. */

import type { Transport } from "./contract.ts";
import { createNodeTransport } from "./node/transport.ts";
import { Ledger } from "./uring/ledger.ts";
import { createUringTransport } from "./uring/transport.ts";
import { type Unavailable, explain, foreseeable } from "./uring/unavailable.ts";

/** The option `transport`. */
export type TransportWish = "auto" | "node" | "uring";

/** How a transport is chosen. */
export interface TransportOptions {
  readonly wish: TransportWish;
  /** Descriptors that the process may have. */
  readonly descriptors: number;
  /** Other workers accept from the same sockets. */
  readonly sharesListeners: boolean;
  /** Where the worker of this row writes down what it has of the system, for when it dies (`holdings.ts`). */
  readonly holdings: SharedArrayBuffer;
  readonly row: number;
}

/** A transport, and why it is this one. */
export interface ChosenTransport {
  readonly transport: Transport;
  /** Why it is not io_uring, for people; null if it is, or was not wanted. */
  readonly without: Unavailable | null;
  /** It is not what was asked for: nothing should be started with it. */
  readonly refused: boolean;
}

/** Takes io_uring if it is wanted and possible, else Node's sockets. */
export function chooseTransport(options: TransportOptions): ChosenTransport {
  const { wish, descriptors } = options;
  if (wish === "node") return nodeInstead(descriptors, null, false);
  const foreseen = foreseeable();
  if (foreseen !== null) return nodeInstead(descriptors, foreseen, wish === "uring");
  try {
    const transport = createUringTransport({
      descriptors,
      sharesListeners: options.sharesListeners,
      ledger: new Ledger(options.holdings, options.row),
    });
    return { transport, without: null, refused: false };
  } catch (error) {
    return nodeInstead(descriptors, explain(error), wish === "uring");
  }
}

function nodeInstead(
  descriptors: number,
  without: Unavailable | null,
  refused: boolean,
): ChosenTransport {
  return { transport: createNodeTransport({ descriptors }), without, refused };
}
