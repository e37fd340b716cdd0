import { Buffer } from "node:buffer";

/** A client's certificate as the value of `Client-Cert` (RFC 9440 §2.2: a byte sequence of RFC 8941); "" if it has shown none. */
export function certificateField(certificate: Uint8Array | null): string {
  return certificate === null ? "" : `:${Buffer.from(certificate).toString("base64")}:`;
}
