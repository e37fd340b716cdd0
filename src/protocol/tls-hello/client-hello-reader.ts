/**
 * The ClientHello out of the first bytes of a connection (RFC 8446, 4.1.2 and 5.1). Sans I/O: it is fed what arrives,
 * in any pieces. It decides what becomes of a connection before a certificate is chosen: which policy it is under,
 * whether it is handed on unopened, whether it answers a challenge (`acme-tls/1`). The bytes stay with the caller, who
 * hands them to OpenSSL or on to a backend.
 *
 * So two read the same hello, and what one reads has to be what the other reads; otherwise a client could show this
 * reader one name and get the certificate, or be asked for the client certificate, of another. Therefore what could be
 * read in two ways is refused here, even where OpenSSL would take it:
 *
 * - records of other types before or between those of the hello, empty ones, SSLv2's form, and bytes behind the hello
 *   in its last record (a second message before the server has said anything);
 * - lengths that leave a rest, or exceed what is around them;
 * - an extension twice, whatever its type (OpenSSL sees that only with types it knows);
 * - more than one name, a name with NUL, and any that is no host name.
 *
 * Not seen here are later hellos:
 *
 * - **After a HelloRetryRequest** the client sends a second ClientHello, straight to OpenSSL, which does not compare it
 *   with the first. Name and protocols must not have changed (RFC 8446, 4.1.2).
 * - **By renegotiation** in TLS 1.2 a client could send another name at any time. It has to be switched off: OpenSSL
 *   allows none by itself, Node.js does.
 *
 * So when the handshake is over, compare: the name that the library reports has to be {@link sentName}, byte for byte,
 * and the protocol that was agreed on has to be one of {@link protocols}; if not, the connection ends with
 * illegal_parameter. (In TLS 1.2 a resumed session can report the name that it began with. Node's ALPNCallback shows
 * protocols without their highest bits, so that `\xe8\xb2` looks like `h2`: lists from here do not.)
 *
 * ECH: what is read is the outer hello, as OpenSSL reads it without ECH keys.
 */

import { ByteWriter } from "#core/bytes/writer.ts";
import { ALERT, type AlertDescription } from "./alert.ts";
import { ClientHello } from "./client-hello.ts";
import type { HelloFault, HelloFaultKind } from "./fault.ts";
import { MAX_FRAGMENT, MAX_HELLO, MAX_METHOD, MAX_RECORDS } from "./limits.ts";

/** No byte seen. */
const START = 0;
/** In the header of a record. */
const HEADER = 1;
/** In the fragment of a record. */
const FRAGMENT = 2;
/** In what looks like a method of HTTP. */
const TEXT = 3;
/** In what looks like a hello of SSLv2. */
const SSL2 = 4;
const DONE = 5;
const FAILED = 6;
type State = 0 | 1 | 2 | 3 | 4 | 5 | 6;

const HANDSHAKE_RECORD = 22;
const TLS_MAJOR = 3;
const CLIENT_HELLO = 1;
/** Type and length of a message. */
const MESSAGE_HEADER_LENGTH = 4;
/** Where the type is in SSLv2's form: behind two bytes of length. */
const SSL2_TYPE_AT = 2;

const SPACE = 0x20;
const HYPHEN = 0x2d;

/** What is taken at first for a body that comes in pieces, in bytes: it doubles with what has come, not with what was announced. */
const KEPT = 512;

/** `done`: the hello is complete and everything else filled. `fault`: `fault` says what is wrong. Both are final. */
export type HelloProgress = "need-more" | "done" | "fault";

/** Reads one ClientHello. See the head of this file. */
export class ClientHelloReader {
  /** After `fault`. */
  fault: HelloFault | null = null;
  #hello: ClientHello | null = null;
  #state: State = START;
  /** Bytes of the header, method or SSLv2 hello that have been seen. */
  #seen = 0;
  #records = 0;
  /** Bytes of the record's fragment that are still to come. */
  #recordRest = 0;
  /** Bytes of type and length of the message that have been seen. */
  #messageHeader = 0;
  /** Length of the message's body; known once all of its header has been seen. */
  #length = 0;
  /** Bytes of the body that have been seen. */
  #filled = 0;
  /** These bytes, if they came in pieces. */
  #kept: ByteWriter | null = null;

  /** The name that the client wants to speak to, in lower case; null if it said none, or an address. After `done`. */
  get serverName(): string | null {
    return this.#hello?.serverName ?? null;
  }
  /** The same as it was sent, addresses included: what OpenSSL will report. null if there was none. After `done`. */
  get sentName(): string | null {
    return this.#hello?.sentName ?? null;
  }
  /** The protocols of ALPN in the client's order, each as latin1; empty without the extension. After `done`. */
  get protocols(): readonly string[] {
    return this.#hello?.protocols ?? [];
  }
  /** After `done`. */
  get offersTls12(): boolean {
    return this.#hello?.offersTls12 ?? false;
  }
  /** After `done`. */
  get offersTls13(): boolean {
    return this.#hello?.offersTls13 ?? false;
  }
  /** Bytes of memory that are held: none, or enough for the body as far as it has come, at most 64 KiB. */
  get held(): number {
    return this.#kept?.bytes.length ?? 0;
  }

  /** Reads on with `bytes[start, end)`, of which nothing is kept that has to stay. What comes after the hello is not looked at. */
  feed(bytes: Uint8Array, start: number, end: number): HelloProgress {
    let at = start;
    while (at < end && this.#state < DONE) {
      if (this.#state === FRAGMENT) at = this.#takeFragment(bytes, at, end);
      else this.#takeByte(bytes[at++]!);
    }
    if (this.#state === DONE) return "done";
    return this.#state === FAILED ? "fault" : "need-more";
  }

  /** One byte outside of a fragment. */
  #takeByte(byte: number): void {
    if (this.#state === START) this.#state = begins(byte);
    if (this.#state === HEADER) this.#takeHeader(byte);
    else if (this.#state === TEXT) this.#takeText(byte);
    else if (this.#state === SSL2) this.#takeSsl2(byte);
    else this.#fail("not_tls", ALERT.unexpectedMessage, "neither TLS nor HTTP");
  }

  #takeText(byte: number): void {
    if (byte === SPACE) this.#fail("plain_http", null, "HTTP without TLS");
    else if ((!isUpper(byte) && byte !== HYPHEN) || ++this.#seen > MAX_METHOD) {
      this.#fail("not_tls", ALERT.unexpectedMessage, "neither TLS nor HTTP");
    }
  }

  #takeSsl2(byte: number): void {
    if (this.#seen++ < SSL2_TYPE_AT) return;
    if (byte === CLIENT_HELLO) this.#fail("version", ALERT.protocolVersion, "SSLv2");
    else this.#fail("not_tls", ALERT.unexpectedMessage, "neither TLS nor HTTP");
  }

  #takeHeader(byte: number): void {
    switch (this.#seen++) {
      case 0:
        if (byte !== HANDSHAKE_RECORD) {
          this.#fail("malformed", ALERT.unexpectedMessage, "another record inside the hello");
        }
        return;
      case 1:
        if (byte !== TLS_MAJOR) this.#fail("version", ALERT.protocolVersion, "record of no TLS");
        return;
      case 2:
        // The minor version means nothing (RFC 8446, 5.1).
        return;
      case 3:
        this.#recordRest = byte << 8;
        return;
      default:
        this.#recordRest |= byte;
        this.#beginFragment();
    }
  }

  #beginFragment(): void {
    const length = this.#recordRest;
    if (length === 0) {
      this.#fail("malformed", ALERT.unexpectedMessage, "empty record");
    } else if (length > MAX_FRAGMENT) {
      this.#fail("too_large", ALERT.recordOverflow, "record too large");
    } else if (++this.#records > MAX_RECORDS) {
      this.#fail("too_large", ALERT.unexpectedMessage, "too many records");
    } else if (this.#messageHeader < MESSAGE_HEADER_LENGTH || this.#fits()) {
      this.#state = FRAGMENT;
    }
  }

  /** Whether the record ends with the hello or before; false after a fault. */
  #fits(): boolean {
    if (this.#recordRest <= this.#length - this.#filled) return true;
    this.#fail("malformed", ALERT.unexpectedMessage, "bytes behind the hello in its record");
    return false;
  }

  /** @returns where to go on */
  #takeFragment(bytes: Uint8Array, start: number, end: number): number {
    const messageHeader = this.#messageHeader < MESSAGE_HEADER_LENGTH;
    const taken = messageHeader ? 1 : Math.min(end - start, this.#recordRest);
    this.#recordRest -= taken;
    if (messageHeader) this.#takeMessageHeader(bytes[start]!);
    else this.#takeBody(bytes, start, start + taken);
    if (this.#state === FRAGMENT && this.#recordRest === 0) {
      this.#state = HEADER;
      this.#seen = 0;
    }
    return start + taken;
  }

  #takeMessageHeader(byte: number): void {
    if (this.#messageHeader++ === 0) {
      if (byte !== CLIENT_HELLO) {
        this.#fail("malformed", ALERT.unexpectedMessage, "not a ClientHello");
      }
      return;
    }
    this.#length = (this.#length << 8) | byte;
    if (this.#messageHeader < MESSAGE_HEADER_LENGTH) return;
    if (this.#length > MAX_HELLO) {
      this.#fail("too_large", ALERT.illegalParameter, "hello too large");
    } else if (this.#length === 0) {
      this.#fail("malformed", ALERT.decodeError, "empty hello");
    } else {
      this.#fits();
    }
  }

  #takeBody(bytes: Uint8Array, start: number, end: number): void {
    const complete = end - start === this.#length - this.#filled;
    this.#filled += end - start;
    if (complete && this.#kept === null) {
      // Fast path: nearly always the body has come in one piece, and nothing is copied.
      this.#complete(bytes, start, end);
      return;
    }
    this.#kept ??= new ByteWriter(KEPT);
    this.#kept.copy(bytes, start, end);
    if (complete) this.#complete(this.#kept.bytes, this.#kept.start, this.#kept.end);
  }

  #complete(bytes: Uint8Array, start: number, end: number): void {
    const hello = new ClientHello();
    const fault = hello.read(bytes, start, end);
    this.#kept = null;
    this.#state = fault === null ? DONE : FAILED;
    this.fault = fault;
    if (fault === null) this.#hello = hello;
  }

  #fail(kind: HelloFaultKind, alert: AlertDescription | null, detail: string): void {
    this.#kept = null;
    this.#state = FAILED;
    this.fault = { kind, alert, detail };
  }
}

function isUpper(byte: number): boolean {
  return byte >= 0x41 && byte <= 0x5a;
}

/** What a connection that begins with `byte` may become. */
function begins(byte: number): State {
  if (byte === HANDSHAKE_RECORD) return HEADER;
  if (isUpper(byte)) return TEXT;
  return byte >= 0x80 ? SSL2 : FAILED;
}
