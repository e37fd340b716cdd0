/** The body of a ClientHello (RFC 8446, 4.1.2), as much of it as decides what becomes of the connection. */

import { latin1 } from "#core/bytes/latin1.ts";
import { ALERT, type AlertDescription } from "./alert.ts";
import type { HelloFault, HelloFaultKind } from "./fault.ts";
import { ADDRESS, readHostName } from "./host-name.ts";
import { MAX_PROTOCOLS } from "./limits.ts";

const SSL_3 = 0x0300;
const TLS_1_2 = 0x0303;
const TLS_1_3 = 0x0304;
const BEYOND_TLS = 0x0400;

const RANDOM_LENGTH = 32;
const MAX_SESSION_ID = 32;

const SERVER_NAME = 0;
const HOST_NAME = 0;
const PROTOCOLS = 16;
const PRE_SHARED_KEY = 41;
const SUPPORTED_VERSIONS = 43;

/** A bit for each type of extension, of the hello that is being read. One for all: reading one is a single call. */
const seen: Uint32Array = new Uint32Array(0x10000 / 32);

const NONE: readonly string[] = [];

/** What a client said. Filled by {@link read}; after a fault it means nothing. */
export class ClientHello {
  serverName: string | null = null;
  sentName: string | null = null;
  protocols: readonly string[] = NONE;
  offersTls12 = false;
  offersTls13 = false;
  #fault: HelloFault | null = null;

  /**
   * Reads the body `bytes[start, end)` once, from the first byte to the last: each length has to fit into what is
   * around it, exactly where nothing may follow.
   *
   * @returns null, or what is wrong with it
   */
  read(bytes: Uint8Array, start: number, end: number): HelloFault | null {
    if (end - start < 2 + RANDOM_LENGTH + 1) return malformed("short hello");
    const legacyVersion = uint16(bytes, start);
    if (legacyVersion <= SSL_3 || legacyVersion >= BEYOND_TLS) {
      return oldVersion("legacy_version is none of TLS");
    }
    let at = start + 2 + RANDOM_LENGTH;
    const sessionId = bytes[at]!;
    if (sessionId > MAX_SESSION_ID) return malformed("long session id");
    at += 1 + sessionId;
    if (end - at < 2) return malformed("no cipher suites");
    const suites = uint16(bytes, at);
    if (suites < 2 || suites % 2 !== 0) return malformed("malformed cipher suites");
    at += 2 + suites;
    if (end - at < 1) return malformed("no compression methods");
    const compressions = bytes[at]!;
    if (compressions === 0) return malformed("empty compression methods");
    at += 1 + compressions;
    if (at > end) return malformed("short compression methods");

    this.offersTls12 = legacyVersion >= TLS_1_2;
    // Before TLS 1.3 a hello could end here.
    if (at < end) {
      if (end - at < 2 || uint16(bytes, at) !== end - at - 2) {
        return malformed("extensions do not end with the hello");
      }
      if (!this.#readExtensions(bytes, at + 2, end)) return this.#fault;
    }
    return this.offersTls12 || this.offersTls13 ? null : oldVersion("neither TLS 1.2 nor 1.3");
  }

  /** False after a fault. */
  #readExtensions(bytes: Uint8Array, start: number, end: number): boolean {
    seen.fill(0);
    for (let at = start; at < end;) {
      if (end - at < 4) return this.#fail("malformed", "short extension");
      const type = uint16(bytes, at);
      const from = at + 4;
      const to = from + uint16(bytes, at + 2);
      if (to > end) return this.#fail("malformed", "extension exceeds the hello");
      const bit = 1 << (type & 31);
      if ((seen[type >> 5]! & bit) !== 0) {
        // Of any type (RFC 8446, 4.2): who takes the first and who takes the last would differ.
        return this.#fail("malformed", "repeated extension", ALERT.illegalParameter);
      }
      seen[type >> 5]! |= bit;
      if (type === SERVER_NAME) {
        if (!this.#readServerName(bytes, from, to)) return false;
      } else if (type === PROTOCOLS) {
        if (!this.#readProtocols(bytes, from, to)) return false;
      } else if (type === SUPPORTED_VERSIONS) {
        if (!this.#readVersions(bytes, from, to)) return false;
      } else if (type === PRE_SHARED_KEY && to !== end) {
        return this.#fail("malformed", "pre_shared_key is not last", ALERT.illegalParameter);
      }
      at = to;
    }
    return true;
  }

  /**
   * A list with one host name and nothing else. By RFC 6066 names of other types could stand in it; none was ever
   * defined, and OpenSSL refuses the rest too.
   */
  #readServerName(bytes: Uint8Array, start: number, end: number): boolean {
    if (
      end - start < 5 ||
      uint16(bytes, start) !== end - start - 2 ||
      bytes[start + 2] !== HOST_NAME ||
      uint16(bytes, start + 3) !== end - start - 5
    ) {
      return this.#fail("malformed", "server_name is not one host name");
    }
    const name = readHostName(bytes, start + 5, end);
    if (name === null) {
      return this.#fail("server_name", "invalid host name", ALERT.unrecognizedName);
    }
    this.serverName = name === ADDRESS ? null : name;
    this.sentName = latin1(bytes, start + 5, end);
    return true;
  }

  #readProtocols(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start < 4 || uint16(bytes, start) !== end - start - 2) {
      return this.#fail("malformed", "malformed list of protocols");
    }
    const protocols: string[] = [];
    for (let at = start + 2; at < end;) {
      const length = bytes[at]!;
      at += 1;
      if (length === 0 || length > end - at) {
        return this.#fail("malformed", "malformed name of a protocol");
      }
      if (protocols.length === MAX_PROTOCOLS) {
        return this.#fail("too_large", "too many protocols", ALERT.illegalParameter);
      }
      protocols.push(latin1(bytes, at, at + length));
      at += length;
    }
    this.protocols = protocols;
    return true;
  }

  /** What is in this extension counts alone (RFC 8446, 4.2.1). */
  #readVersions(bytes: Uint8Array, start: number, end: number): boolean {
    const length = end - start - 1;
    if (length < 2 || length % 2 !== 0 || bytes[start] !== length) {
      return this.#fail("malformed", "malformed supported_versions");
    }
    this.offersTls12 = this.offersTls13 = false;
    for (let at = start + 1; at < end; at += 2) {
      const version = uint16(bytes, at);
      if (version === TLS_1_2) this.offersTls12 = true;
      else if (version === TLS_1_3) this.offersTls13 = true;
    }
    return true;
  }

  #fail(kind: HelloFaultKind, detail: string, alert: AlertDescription = ALERT.decodeError): false {
    this.#fault = { kind, alert, detail };
    return false;
  }
}

function uint16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

function malformed(detail: string): HelloFault {
  return { kind: "malformed", alert: ALERT.decodeError, detail };
}

function oldVersion(detail: string): HelloFault {
  return { kind: "version", alert: ALERT.protocolVersion, detail };
}
