import type { Acceptor } from "./contract.ts";

/** Sends back whatever connections send, and ends when they do. */
export const ECHO: Acceptor = {
  onConnection(connection) {
    connection.handler = {
      onConnect: () => undefined,
      onData: (_, slice) => void connection.write([slice.part(0, slice.length)]),
      onEnd: () => connection.end(),
      onWritable: () => undefined,
      onClose: () => undefined,
    };
  },
  onAcceptFailure: () => undefined,
};
