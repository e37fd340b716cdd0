import type { Acceptor } from "./contract.ts";
import { QUIET } from "./quiet.fixture.ts";

/** Sends back whatever connections send, and ends when they do. */
export const ECHO: Acceptor = {
  onConnection(connection) {
    connection.handler = {
      ...QUIET,
      onData: (_, slice) => void connection.write([slice.part(0, slice.length)]),
      onEnd: () => connection.end(),
    };
  },
  onAcceptFailure: () => undefined,
};
