import type { SocketAddress, TransportFailure } from "../contract.ts";

/** How connections to one address turn out. Everything is as usual unless set. */
export interface Behaviour {
  /** Connecting fails with this. */
  readonly refuse?: TransportFailure;
  /** Connecting is not answered at all. */
  readonly silent?: boolean;
  /** The connection is reset when the connecting side has sent this many bytes and would send more. */
  readonly resetAfterSent?: number;
  /** The connection is reset when the connecting side has been sent this many bytes and would be sent more. */
  readonly resetAfterReceived?: number;
  /** Bytes under way in each direction; 1 makes everything arrive singly. */
  readonly window?: number;
  /** The listening side receives nothing until its `incoming.stalled` is cleared. */
  readonly stalled?: boolean;
}

/** An address as a key. */
export function addressKey(address: SocketAddress): string {
  return address.kind === "tcp" ? `[${address.host}]:${address.port}` : `unix:${address.path}`;
}
