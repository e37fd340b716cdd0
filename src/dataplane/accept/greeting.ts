/**
 * The beginning of a connection to a listener that speaks TLS: the ClientHello is read before anything is decided, then
 * the connection is opened, passed on as it is, or refused.
 *
 *     hello ──► handshake ──► served as HTTP
 *       │   ╰─► wait for a certificate that is being obtained, at most 10 s
 *       ├─────► a handshake that answers a certificate authority, and the end
 *       ├─────► passed on to an upstream
 *       ╰─────► an alert, or a sentence for those who speak plain HTTP
 */

import { type Slice, sliceOf } from "#core/bytes/slice.ts";
import { ByteWriter } from "#core/bytes/writer.ts";
import { Timer, type TimerOwner } from "#core/time/timers.ts";
import { ALERT, type AlertDescription, writeAlert } from "#protocol/tls-hello/alert.ts";
import { ClientHelloReader } from "#protocol/tls-hello/client-hello-reader.ts";
import type { HelloFaultKind } from "#protocol/tls-hello/fault.ts";
import type { Connection, ConnectionHandler, TransportFailure } from "#transport/contract.ts";
import type { Security } from "#transport/tls.ts";
import type { ClientTls } from "../client-stream.ts";
import type { DataPlaneContext } from "../context.ts";
import type { ListenerTls, TlsChoice } from "../linked.ts";
import { certificateField } from "./certificate-field.ts";
import type { Handshakes, Waiting } from "./handshakes.ts";

/** Who takes connections over once it is known what they are, and sets their handler. */
export interface GreetingUser {
  /** The handshake is over. */
  onOpened(greeting: Greeting, connection: Connection, tls: ClientTls): void;
  /** It goes to an upstream with what was received; ownership of the slices passes. */
  onPassThrough(
    greeting: Greeting,
    connection: Connection,
    received: Slice[],
    upstream: string,
  ): void;
  /** The whole answer to one who speaks plain HTTP; `received` are the first bytes of the request. */
  plainHttpAnswer(received: Uint8Array): Slice;
  /** It came to nothing, and the connection is gone. */
  onGreetingClosed(greeting: Greeting, end: GreetingEnd, detail: string): void;
}

/** Why a connection was not opened, beside what is wrong with its hello: stable words, for logs and metrics. */
export const GREETING_ENDS = [
  /** The client left before it had said anything that counts. */
  "closed",
  "timeout",
  /** No certificate is made out to the name. */
  "unknown_name",
  /** There is a certificate, and it cannot be used. */
  "no_context",
  "handshake_failed",
  /** The first certificate for the name was waited for, and did not come. */
  "no_certificate_yet",
  /** A certificate authority has seen what it wanted to see. */
  "challenge",
  /** The client said one name first and another one later. */
  "name_changed",
] as const;

/** One of {@link GREETING_ENDS}, or what is wrong with the hello. */
export type GreetingEnd = (typeof GREETING_ENDS)[number] | HelloFaultKind;

/** What is known of a connection that is opened. */
type Opening = Extract<TlsChoice, { kind: "open" | "challenge" }>;

/** What is taken at first for a hello that comes in pieces, in bytes; most fit. */
const GATHERED = 2048;

/** How long a client waits for a certificate that is being obtained, milliseconds. */
const PATIENCE = 10_000;
/** How many do at a time in a worker: the places of handshakes are for all names. */
const WANTING_MOST = 64;

type Phase = "hello" | "wanting" | "waiting" | "handshake" | "over";

/** See the head of this file. Made with a place among the handshakes, which it gives back. */
export class Greeting implements ConnectionHandler, TimerOwner, Waiting {
  readonly listener: string;
  readonly #context: DataPlaneContext;
  readonly #tls: ListenerTls;
  readonly #handshakes: Handshakes;
  readonly #user: GreetingUser;
  readonly #timer: Timer = new Timer(this, 0);
  readonly #reader: ClientHelloReader = new ClientHelloReader();
  #connection: Connection;
  /** What has arrived, while it came in one piece. */
  #received: Slice | null = null;
  /** What has arrived in several: pieces may be as short as a byte, and each would hold much more memory. */
  #gathered: ByteWriter | null = null;
  #phase: Phase = "hello";
  #choice: Opening | null = null;
  #end: GreetingEnd = "closed";
  #detail = "";

  constructor(
    context: DataPlaneContext,
    connection: Connection,
    listener: string,
    tls: ListenerTls,
    handshakes: Handshakes,
    user: GreetingUser,
  ) {
    this.listener = listener;
    this.#context = context;
    this.#connection = connection;
    this.#tls = tls;
    this.#handshakes = handshakes;
    this.#user = user;
    connection.handler = this;
    const { handshake } = context.snapshot.data.timeouts;
    context.transport.timers.schedule(this.#timer, handshake);
  }

  /** Ends it now. */
  destroy(): void {
    this.#connection.abort();
  }

  onData(_connection: Connection, slice: Slice): void {
    if (this.#phase === "over") return;
    this.#keep(slice);
    if (this.#phase !== "hello") return;
    const progress = this.#reader.feed(slice.bytes, slice.offset, slice.offset + slice.length);
    if (progress === "fault") this.#onFault();
    else if (progress === "done") this.#onHello();
  }

  #keep(slice: Slice): void {
    if (this.#received === null && this.#gathered === null) {
      this.#received = slice.part(0, slice.length);
      return;
    }
    if (this.#gathered === null) {
      this.#gathered = new ByteWriter(GATHERED);
      const first = this.#received!;
      this.#gathered.copy(first.bytes, first.offset, first.offset + first.length);
      first.release();
      this.#received = null;
    }
    this.#gathered.copy(slice.bytes, slice.offset, slice.offset + slice.length);
  }

  #onFault(): void {
    const { kind, alert, detail } = this.#reader.fault!;
    if (alert === null) this.#refuse(this.#user.plainHttpAnswer(this.#view()), kind, "");
    else this.#refuse(alertOf(alert), kind, detail);
  }

  /** There are other certificates: is the one that it waits for among them? */
  onCertificates(): void {
    if (this.#phase !== "wanting") return;
    const choice = this.#choose();
    if (choice.kind === "wait") return;
    this.#handshakes.wanting--;
    this.#phase = "hello";
    this.#connection.resume();
    const { transport, snapshot } = this.#context;
    transport.timers.schedule(this.#timer, snapshot.data.timeouts.handshake);
    this.#proceed(choice);
  }

  #onHello(): void {
    this.#proceed(this.#choose());
  }

  #proceed(choice: TlsChoice): void {
    if (!opens(choice)) return this.#conclude(choice);
    if (this.#handshakes.mayBegin(this)) return this.#begin(choice);
    this.#phase = "waiting";
    this.#connection.pause();
  }

  onTurn(): void {
    this.#connection.resume();
    // Certificates and rules may have changed while it waited, and contexts are gone with them.
    const choice = this.#choose();
    if (opens(choice)) this.#begin(choice);
    else this.#conclude(choice);
  }

  /** By the configuration that there is now: clients may take seconds for their first word. */
  #choose(): TlsChoice {
    const { listeners, upstreams } = this.#context.snapshot;
    const tls = listeners.get(this.listener)?.tls ?? this.#tls;
    const choice = tls.choose(this.#reader.serverName, this.#reader.protocols);
    const isGone = choice.kind === "pass" && !upstreams.has(choice.upstream);
    return isGone ? { kind: "refuse", alert: ALERT.unrecognizedName } : choice;
  }

  #conclude(choice: Exclude<TlsChoice, Opening>): void {
    if (choice.kind === "pass") {
      const received = this.#takeReceived();
      this.#finish();
      return this.#user.onPassThrough(this, this.#connection, received, choice.upstream);
    }
    if (choice.kind === "wait") return this.#want();
    const isUnknown = choice.alert === ALERT.unrecognizedName;
    const end = isUnknown ? "unknown_name" : "no_context";
    this.#refuse(alertOf(choice.alert), end, this.#reader.serverName ?? "");
  }

  /** Its certificate is on its way. */
  #want(): void {
    if (this.#handshakes.wanting >= WANTING_MOST) return this.#giveUp();
    this.#handshakes.wanting++;
    this.#phase = "wanting";
    this.#connection.pause();
    this.#context.transport.timers.schedule(this.#timer, PATIENCE);
  }

  #giveUp(): void {
    const name = this.#reader.serverName ?? "";
    this.#refuse(alertOf(ALERT.unrecognizedName), "no_certificate_yet", name);
  }

  #begin(choice: Opening): void {
    this.#choice = choice;
    this.#phase = "handshake";
    const { tls } = this.#context.transport;
    this.#connection = tls!.accept(this.#connection, choice.context, this.#takeReceived(), this);
  }

  /** The handshake is over. */
  onConnect(connection: Connection): void {
    const security = connection.security!;
    const choice = this.#choice!;
    this.#finish();
    if (choice.kind === "challenge") {
      this.#end = "challenge";
      this.#detail = this.#reader.serverName ?? "";
      return connection.lingerClose();
    }
    const { policy, clientCertificates, hsts } = choice;
    if (this.#isStrange(security)) {
      this.#end = "name_changed";
      return connection.abort();
    }
    this.#user.onOpened(this, connection, {
      policy,
      hsts,
      serverName: this.#reader.serverName,
      security,
      clientCertificates,
      certificate: clientCertificates === null ? "" : certificateField(security.peerCertificate),
    });
  }

  /** What the library has read is to be what was read here: a second hello can say something else (RFC 8446 §4.1.2). */
  #isStrange({ protocol, serverName, resumed, version }: Security): boolean {
    const { protocols, sentName } = this.#reader;
    if (protocol !== "" && !protocols.includes(protocol)) return true;
    // OpenSSL reports the name that a session of TLS 1.2 began with; its policy is that of this name, or it were no session.
    if (resumed && version === "TLSv1.2") return false;
    return serverName !== null && serverName !== sentName;
  }

  onEnd(connection: Connection): void {
    if (this.#phase !== "over") connection.abort();
  }

  onClose(_connection: Connection, failure: TransportFailure | null): void {
    if (this.#phase === "handshake") this.#end = "handshake_failed";
    if (this.#phase !== "over") this.#detail = failure?.detail ?? "";
    this.#finish();
    this.#user.onGreetingClosed(this, this.#end, this.#detail);
  }

  onWritable(): void {}

  onTimer(): void {
    if (this.#phase === "wanting") return this.#giveUp();
    this.#finish();
    this.#end = "timeout";
    this.#connection.abort();
  }

  /** Ends the connection with an answer. */
  #refuse(answer: Slice, end: GreetingEnd, detail: string): void {
    this.#end = end;
    this.#detail = detail;
    this.#finish();
    this.#connection.write([answer]);
    this.#connection.lingerClose();
  }

  /** Nothing more is decided here. */
  #finish(): void {
    if (this.#phase === "over") return;
    if (this.#phase === "wanting") this.#handshakes.wanting--;
    this.#phase = "over";
    this.#context.transport.timers.cancel(this.#timer);
    this.#handshakes.withdraw(this);
    this.#handshakes.release();
    for (const slice of this.#takeReceived()) slice.release();
  }

  #takeReceived(): Slice[] {
    const received = this.#received ?? (this.#gathered === null ? null : sliceOf(this.#view()));
    this.#received = null;
    this.#gathered = null;
    return received === null ? [] : [received];
  }

  #view(): Uint8Array {
    if (this.#received !== null) return this.#received.view();
    const { bytes, start, end } = this.#gathered!;
    return bytes.subarray(start, end);
  }
}

function opens(choice: TlsChoice): choice is Opening {
  return choice.kind === "open" || choice.kind === "challenge";
}

function alertOf(description: number): Slice {
  return sliceOf(writeAlert("fatal", description as AlertDescription));
}
