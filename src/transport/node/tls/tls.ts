import process from "node:process";
import type { Slice } from "#core/bytes/slice.ts";
import type { Connection, ConnectionHandler, Tls } from "../../contract.ts";
import type {
  BackendName,
  ClientContext,
  ClientTlsOptions,
  ServerContext,
  ServerTlsOptions,
} from "../../tls.ts";
import { NodeClientContext } from "./client.ts";
import { TlsConnection, type TlsHome } from "./connection.ts";
import { NodeServerContext } from "./server.ts";

/** TLS by `node:tls`, over the connections of this transport. */
export class NodeTls implements Tls {
  readonly library: string = `OpenSSL ${process.versions.openssl}`;
  readonly #home: TlsHome;

  constructor(home: TlsHome) {
    this.#home = home;
  }

  server(options: ServerTlsOptions): ServerContext {
    return new NodeServerContext(options);
  }

  client(options: ClientTlsOptions): ClientContext {
    return new NodeClientContext(options);
  }

  accept(
    raw: Connection,
    context: ServerContext,
    received: readonly Slice[],
    handler: ConnectionHandler,
  ): Connection {
    if (!(context instanceof NodeServerContext))
      throw new TypeError("a context of another transport");
    return new TlsConnection(this.#home, raw, received, context.side(), handler);
  }

  connect(
    raw: Connection,
    context: ClientContext,
    name: BackendName,
    handler: ConnectionHandler,
  ): Connection {
    if (!(context instanceof NodeClientContext))
      throw new TypeError("a context of another transport");
    return new TlsConnection(this.#home, raw, [], context.side(raw, name), handler);
  }
}
