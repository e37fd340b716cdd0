import type { ConnectionHandler } from "./contract.ts";

const nothing = (): void => undefined;

/** The handler of a connection that a test does not listen to. */
export const QUIET: ConnectionHandler = {
  onConnect: nothing,
  onData: nothing,
  onEnd: nothing,
  onWritable: nothing,
  onClose: nothing,
};
