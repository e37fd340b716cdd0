import type { Slice } from "#core/bytes/slice.ts";
import type { Connection, ConnectionHandler, Tls } from "../../contract.ts";
import type {
  BackendName,
  ClientContext,
  ClientTlsOptions,
  ServerContext,
  ServerTlsOptions,
} from "../../tls.ts";
import type { UringConnection } from "../connection.ts";
import type { Engine } from "../engine.ts";
import { Mapping } from "../native/mapping.ts";
import { openSsl } from "../native/openssl.ts";
import { Ssl } from "../native/ssl.ts";
import { SendMemory } from "../send-memory.ts";
import { UringClientContext, UringServerContext } from "./context.ts";
import { Gathering, LARGEST_WRITE } from "./plaintext.ts";
import { SecureConnection, type SecureHome } from "./secure-connection.ts";

/** TLS over io_uring: the OpenSSL of the Node.js binary, on bytes in memory. One for each transport. */
export class UringTls implements Tls, SecureHome {
  readonly library: string;
  readonly engine: Engine;
  readonly plain: SendMemory;
  readonly gathering: Gathering;

  /** @throws Error when this Node.js has no OpenSSL that is known here */
  constructor(engine: Engine) {
    this.library = openSsl().name;
    this.engine = engine;
    const { libc, ledger } = engine;
    this.plain = new SendMemory(libc, ledger);
    this.gathering = new Gathering(Mapping.anonymous(libc, ledger, LARGEST_WRITE));
  }

  server(options: ServerTlsOptions): ServerContext {
    return new UringServerContext(options);
  }

  client(options: ClientTlsOptions): ClientContext {
    return new UringClientContext(options);
  }

  accept(
    raw: Connection,
    context: ServerContext,
    received: readonly Slice[],
    handler: ConnectionHandler,
  ): Connection {
    const ssl = Ssl.accept((context as UringServerContext).ssl);
    return new SecureConnection(this, raw as UringConnection, ssl, handler, received, null);
  }

  connect(
    raw: Connection,
    context: ClientContext,
    name: BackendName,
    handler: ConnectionHandler,
  ): Connection {
    const own = context as UringClientContext;
    const ssl = Ssl.connect(own.ssl, name, own.sessions.find(name));
    const remember = (of: Ssl): boolean => own.remember(name, of);
    return new SecureConnection(this, raw as UringConnection, ssl, handler, [], remember);
  }

  /** Gives its memory back; no connection is left. */
  close(): void {
    this.plain.close();
    this.gathering.mapping.unmap();
  }
}
