/** A client's connection, whichever protocol it speaks. */

import type { Slice } from "#core/bytes/slice.ts";
import type { Abuse } from "#core/http/abuse.ts";
import type { Connection } from "#transport/contract.ts";
import type { ClientTls } from "../client-stream.ts";

/** A connection as it begins. */
export interface Opening {
  readonly connection: Connection;
  readonly listener: string;
  readonly tls: ClientTls | null;
  /** Its first bytes may show that it speaks HTTP/2 instead. */
  readonly perhapsHttp2: boolean;
}

/** As those see it who count them and end them. */
export interface ClientConnection {
  /** Ends it now if nothing is being asked or answered, else after the answers that are under way. */
  drain(): void;
  /** The time for a drain is over: cuts it, whatever is under way. */
  destroy(): void;
}

/** Told what becomes of a connection. */
export interface ClientConnectionOwner {
  onConnectionClosed(connection: ClientConnection): void;
  /** It belongs to a tunnel from now on, which reports its end. */
  onConnectionSwitched(connection: ClientConnection): void;
  /**
   * A plain connection begins with what may be the preface of HTTP/2, and was not read from before. It is somebody
   * else's from now on; `first` is valid during the call.
   */
  onPerhapsHttp2(connection: ClientConnection, raw: Connection, first: Slice): void;
  /** A client of HTTP/2 has done too much of something. */
  onAbuse(kind: Abuse, peer: string): void;
}
