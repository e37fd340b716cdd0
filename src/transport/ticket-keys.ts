/** What tickets and sessions are bound to, the same in all transports: secrets of the process, and the policy. */

import { createHash, hkdfSync } from "node:crypto";

/** Bytes of a key as {@link ticketKey} makes it: name, key of the HMAC (SHA-256), key of the cipher (AES-128-CBC), 16 each. */
export const TICKET_KEY_BYTES = 48;

/**
 * The key that tickets are sealed with (RFC 5077 §4): HKDF-SHA256 (RFC 5869) of a secret, for one policy. Whoever has the same
 * secrets opens the tickets of others, but never one that was given under another policy.
 *
 * @param secret 32 random bytes
 * @returns 48 bytes, laid out as Node's option `ticketKeys` wants them
 */
export function ticketKey(secret: Uint8Array, policy: string): Uint8Array {
  const info = `sluice ticket key\0${policy}`;
  return new Uint8Array(hkdfSync("sha256", secret, "", info, TICKET_KEY_BYTES));
}

/**
 * The session id context of a policy: a session that was made under another one is not taken up.
 *
 * @returns 32 characters of ASCII, the most that OpenSSL takes
 */
export function sessionContext(policy: string): string {
  return createHash("sha256").update(policy).digest("hex").slice(0, 32);
}
