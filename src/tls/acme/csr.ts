/** Requests for certificates (PKCS#10, RFC 2986), signed with a key on P-256. */

import { type KeyObject, createPublicKey, sign } from "node:crypto";

import { extension } from "../x509/builder.ts";
import { OID } from "../x509/certificate.ts";
import { TAG, bits, der, integer, oid, sequence, tagged } from "../x509/der.ts";

/** The attribute that holds the extensions that are asked for (RFC 2985 §5.4.2). */
const EXTENSION_REQUEST = "1.2.840.113549.1.9.14";

/** A request (DER) for these host names, without a common name: issuers take names from the extension. */
export function certificateRequest(names: readonly string[], key: KeyObject): Uint8Array {
  const alternative = sequence(...names.map((name) => der(0x82, new TextEncoder().encode(name))));
  const info = sequence(
    integer(Uint8Array.of(0)),
    sequence(),
    createPublicKey(key).export({ type: "spki", format: "der" }),
    tagged(
      0,
      sequence(
        oid(EXTENSION_REQUEST),
        der(TAG.set, sequence(extension(OID.subjectAltName, alternative))),
      ),
    ),
  );
  return sequence(info, sequence(oid(OID.ecdsaSha256)), bits(sign("sha256", info, key)));
}
