import { Buffer } from "node:buffer";
import type { TLSSocket } from "node:tls";
import type { CertificatePair } from "../../tls.ts";

/** What the signature algorithms of a client are for; Node writes them as `ECDSA+SHA256`. */
const KEY_TYPES: Readonly<Record<string, string>> = {
  ECDSA: "ec",
  RSA: "rsa",
  "RSA-PSS": "rsa",
  Ed25519: "ed25519",
  Ed448: "ed448",
};

/** The OCSP answers of a context, by the types of the keys of its certificates. */
export class Staples {
  readonly #types: readonly string[];
  readonly #answers: readonly (Buffer | null)[];

  /** @param types those of the keys, as `KeyObject.asymmetricKeyType` calls them */
  constructor(certificates: readonly CertificatePair[], types: readonly string[]) {
    this.#types = types;
    this.#answers = certificates.map(({ ocsp }) => (ocsp === undefined ? null : Buffer.from(ocsp)));
  }

  /** There is at least one. */
  get any(): boolean {
    return this.#answers.some((answer) => answer !== null);
  }

  /**
   * The answer for the certificate that this client is going to get. Node asks before OpenSSL has chosen it, so with
   * several the choice is foreseen: in TLS 1.3 the first algorithm that both know decides (RFC 8446 §4.4.2.2). In TLS 1.2 it
   * hangs on the suites as well, which are not known here: a client that knows several types gets no answer then,
   * never a wrong one.
   */
  choose(socket: TLSSocket): Buffer | null {
    if (this.#types.length === 1) return this.#answers[0]!;
    const shared = socket
      .getSharedSigalgs()
      .map((name) => this.#types.indexOf(KEY_TYPES[name.split("+")[0]!] ?? "none"))
      .filter((index) => index >= 0);
    if (socket.getProtocol() !== "TLSv1.3" && new Set(shared).size > 1) return null;
    return this.#answers[shared[0] ?? -1] ?? null;
  }
}
