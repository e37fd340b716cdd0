/** What all transports agree on beside the contract: how connections end, and what one is before it has a handler. */

import type { ConnectionHandler } from "./contract.ts";

/** What is to happen once the queue is sent, in the order of their strength. */
export const STAY = 0;
export const END = 1;
export const CLOSE = 2;
export const LINGER = 3;

/** How long a lingering connection waits for the next byte, and in all, in ms. */
export const LINGER_IDLE = 5_000;
export const LINGER_TOTAL = 30_000;

/** The handler of a connection that was given none. */
export const NO_HANDLER: ConnectionHandler = {
  onConnect: complain,
  onData: complain,
  onEnd: complain,
  onWritable: complain,
  onClose: complain,
};

function complain(): never {
  throw new Error("the connection has no handler");
}
