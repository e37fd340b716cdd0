/** Stage 1: may this connection be served at all, and how is it spoken to? */

import { type Slice, sliceOf } from "#core/bytes/slice.ts";
import { ByteWriter } from "#core/bytes/writer.ts";
import { FAILURES, type FailureCode } from "#core/errors.ts";
import type { ResponseHead } from "#core/http/message.ts";
import { writeResponseHead } from "#protocol/http1/serializer.ts";
import type {
  Acceptor,
  Connection,
  ConnectionHandler,
  TransportFailure,
} from "#transport/contract.ts";
import type { ClientTls } from "../client-stream.ts";
import type { DataPlaneContext } from "../context.ts";
import { Greeting, type GreetingEnd, type GreetingUser } from "./greeting.ts";
import { Handshakes } from "./handshakes.ts";
import { spokenTo } from "./plain-http.ts";

/** What hits a limit hits it often: it is said so at most this often, milliseconds. */
const LOG_INTERVAL = 10_000;
/** Handshakes that came to nothing and are told of in a second: everybody can make them, and a line takes longer. */
const TOLD_MOST = 20;
/** Connections that were turned away and still read their answer; beyond these they are cut. */
const READING_MOST = 512;

/** The proxy's own answer. */
export interface Page {
  readonly head: ResponseHead;
  readonly body: Uint8Array;
}

/** Where connections go. */
export interface DoorUser {
  /**
   * Takes a connection over. Its place among those that the process may hold is given back when it closes.
   *
   * @param listener where it came in
   * @param tls null: plain HTTP
   */
  serve(connection: Connection, listener: string, tls: ClientTls | null): void;
  /** The same for a connection that goes to an upstream as it is. */
  passThrough(connection: Connection, received: Slice[], upstream: string): void;
  /** A connection was closed before it was served: a drain may be over. */
  onLess(): void;
}

/** The proxy's own answers. */
export interface DoorPages {
  /** For those who come when there are too many. */
  limit(): Page;
  /** For those who speak plain HTTP where TLS is spoken. `url`: where they meant to go, as far as they said. */
  plainHttp(url: string): Page;
}

/** Lets in as many connections as the process may hold; answers the others without reading from them. */
export class Door implements ConnectionHandler, GreetingUser {
  /** Connections of which it is not yet known what they are. */
  readonly greetings: Set<Greeting> = new Set();
  readonly #context: DataPlaneContext;
  readonly #user: DoorUser;
  readonly #pages: DoorPages;
  readonly #handshakes: Handshakes;
  /** Connections that were turned away and have not closed yet. */
  #turnedAway = 0;
  readonly #loggedAt: Map<string, number> = new Map();
  /** The second that lines are counted in, and how many there were. */
  #toldSince = 0;
  #told = 0;

  constructor(context: DataPlaneContext, user: DoorUser, pages: DoorPages) {
    this.#context = context;
    this.#user = user;
    this.#pages = pages;
    this.#handshakes = new Handshakes(context);
  }

  /** Lets in what comes to one listener. */
  acceptor(listener: string): Acceptor {
    return {
      onConnection: (connection) => this.#onConnection(connection, listener),
      onAcceptFailure: (fault) => this.#onAcceptFailure(fault),
    };
  }

  #onConnection(connection: Connection, listener: string): void {
    const { worker, snapshot, left } = this.#context;
    const tls = (snapshot.listeners.get(listener) ?? left.get(listener))?.tls ?? null;
    if (!worker.tryReserveConnection(snapshot.data.limits.connections)) {
      // Who expects TLS could not read it.
      if (tls === null) this.#turnAway(connection);
      else this.#cut(connection, "connection_limit");
    } else if (tls === null) {
      this.#user.serve(connection, listener, null);
    } else if (this.#handshakes.tryReserve()) {
      this.greetings.add(
        new Greeting(this.#context, connection, listener, tls, this.#handshakes, this),
      );
    } else {
      worker.releaseConnection();
      this.#cut(connection, "handshake_limit");
    }
  }

  #turnAway(connection: Connection): void {
    this.#log("warn", "connection_limit");
    connection.handler = this;
    this.#turnedAway++;
    if (this.#turnedAway > READING_MOST) return connection.abort();
    connection.write(written(this.#pages.limit()));
    connection.lingerClose();
  }

  #cut(connection: Connection, code: "connection_limit" | "handshake_limit"): void {
    this.#log("warn", code);
    connection.handler = this;
    this.#turnedAway++;
    connection.abort();
  }

  #onAcceptFailure(fault: TransportFailure): void {
    this.#log("error", "descriptors_exhausted", { detail: fault.detail });
  }

  #warnOfWaiting(name: string): void {
    const { now } = this.#context.transport.timers;
    const key = `no_certificate_yet ${name}`;
    if (now - (this.#loggedAt.get(key) ?? -LOG_INTERVAL) < LOG_INTERVAL) return;
    this.#loggedAt.set(key, now);
    const message = `a client of ${name} was sent away: the certificate that is being obtained is not there yet`;
    this.#context.log("warn", "no_certificate_yet", message, { name });
  }

  #log(
    level: "warn" | "error",
    code: FailureCode,
    fields: Readonly<Record<string, string>> = {},
  ): void {
    const { now } = this.#context.transport.timers;
    if (now - (this.#loggedAt.get(code) ?? -LOG_INTERVAL) < LOG_INTERVAL) return;
    this.#loggedAt.set(code, now);
    this.#context.log(level, code, FAILURES[code].sentence, fields);
  }

  // ── TLS ─────────────────────────────────────────────────────────────────────────────────────────────

  onOpened(greeting: Greeting, connection: Connection, tls: ClientTls): void {
    this.greetings.delete(greeting);
    this.#context.worker.countHandshake(tls.security.resumed ? "resumed" : "full");
    this.#user.serve(connection, greeting.listener, tls);
  }

  onPassThrough(
    greeting: Greeting,
    connection: Connection,
    received: Slice[],
    upstream: string,
  ): void {
    this.greetings.delete(greeting);
    this.#user.passThrough(connection, received, upstream);
  }

  plainHttpAnswer(received: Uint8Array): Slice {
    const [head, body] = written(this.#pages.plainHttp(spokenTo(received)));
    const answer = new Uint8Array(head!.length + body!.length);
    answer.set(head!.view());
    answer.set(body!.view(), head!.length);
    return sliceOf(answer);
  }

  onGreetingClosed(greeting: Greeting, end: GreetingEnd, detail: string): void {
    this.greetings.delete(greeting);
    this.#context.worker.releaseConnection();
    if (end === "challenge") {
      const message = `a certificate authority has looked at ${detail} (tls-alpn-01)`;
      this.#context.log("debug", "challenge", message, {
        listener: greeting.listener,
        name: detail,
      });
    } else if (end !== "closed") {
      this.#context.worker.countHandshake("failed");
      if (end === "no_certificate_yet") this.#warnOfWaiting(detail);
      this.#tell(greeting, end, detail);
    }
    this.#user.onLess();
  }

  #tell({ listener }: Greeting, end: GreetingEnd, detail: string): void {
    const { now } = this.#context.transport.timers;
    if (now - this.#toldSince >= 1000) {
      this.#toldSince = now;
      this.#told = 0;
    }
    if (++this.#told > TOLD_MOST) return;
    const message = `a TLS handshake came to nothing: ${end}`;
    this.#context.log("debug", "handshake", message, { listener, end, detail });
  }

  // ── the connections that were turned away: nothing of what they send is looked at ────────────────────

  onClose(): void {
    this.#turnedAway--;
  }
  onConnect(): void {}
  onData(): void {}
  onEnd(): void {}
  onWritable(): void {}
}

/** The answer as it is sent before the connection is closed. */
function written({ head, body }: Page): Slice[] {
  const writer = new ByteWriter(1024);
  writeResponseHead(writer, head, "length", body.length, "close", 11);
  return [sliceOf(writer.view().slice()), sliceOf(body)];
}
