/** Signed requests of ACME (RFC 8555 §6.2): keys on P-256, JSON Web Signatures with ES256 (RFC 7515, RFC 7518). */

import { Buffer } from "node:buffer";
import {
  type KeyObject,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
} from "node:crypto";

/** A public key as JSON (RFC 7517), with its members in the order of RFC 7638 §3. */
export interface Jwk {
  readonly crv: string;
  readonly kty: string;
  readonly x: string;
  readonly y: string;
}

/** A signed request as it is sent. */
export interface Jws {
  readonly protected: string;
  readonly payload: string;
  readonly signature: string;
}

/** A new private key on P-256. */
export function newKey(): KeyObject {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}

/** A private key as PEM. */
export function keyPem(key: KeyObject): string {
  return String(key.export({ type: "pkcs8", format: "pem" }));
}

/** A private key on P-256 from PEM; null if it is none. */
export function readKey(pem: string): KeyObject | null {
  try {
    const key = createPrivateKey(pem);
    return key.asymmetricKeyDetails?.namedCurve === "prime256v1" ? key : null;
  } catch {
    return null;
  }
}

/** The public part of a key. */
export function jwkOf(key: KeyObject): Jwk {
  const { crv = "", kty = "", x = "", y = "" } = createPublicKey(key).export({ format: "jwk" });
  return { crv, kty, x, y };
}

/** What identifies an account in challenges (RFC 7638). */
export function thumbprint(key: KeyObject): string {
  return base64url(
    createHash("sha256")
      .update(JSON.stringify(jwkOf(key)))
      .digest(),
  );
}

/** Signs a request. `payload` null: POST-as-GET (RFC 8555 §6.3), whose payload is empty. */
export function signJws(
  head: Readonly<Record<string, unknown>>,
  payload: unknown,
  key: KeyObject,
): Jws {
  const encoded = encodeParts({ alg: "ES256", ...head }, payload);
  const signature = sign("sha256", Buffer.from(`${encoded.protected}.${encoded.payload}`), {
    key,
    dsaEncoding: "ieee-p1363",
  });
  return { ...encoded, signature: base64url(signature) };
}

/** Binds an account key to an account that the issuer knows otherwise (RFC 8555 §7.3.4). `secret`: base64url. */
export function bindAccount(
  binding: { readonly kid: string; readonly secret: string },
  url: string,
  key: KeyObject,
): Jws {
  const encoded = encodeParts({ alg: "HS256", kid: binding.kid, url }, jwkOf(key));
  const signature = createHmac("sha256", Buffer.from(binding.secret, "base64url"))
    .update(`${encoded.protected}.${encoded.payload}`)
    .digest();
  return { ...encoded, signature: base64url(signature) };
}

/** Base64 for URLs, without padding. */
export function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}

function encodeParts(
  head: Readonly<Record<string, unknown>>,
  payload: unknown,
): Pick<Jws, "protected" | "payload"> {
  const encode = (value: unknown): string => base64url(Buffer.from(JSON.stringify(value)));
  return { protected: encode(head), payload: payload === null ? "" : encode(payload) };
}
