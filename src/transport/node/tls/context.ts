import { constants } from "node:crypto";
import * as tls from "node:tls";
import type { TlsProfile } from "../../tls.ts";
import { reasonOf } from "./pem.ts";

const known: Map<string, boolean> = new Map();

/** Renegotiation is refused on both sides: it is in no version that matters, and costs whoever answers most of it. */
export const BASE_OPTIONS: number = constants.SSL_OP_NO_RENEGOTIATION;

/** Makes a context of Node's with what a profile says. @throws Error with one sentence */
export function makeContext(
  profile: TlsProfile,
  options: tls.SecureContextOptions,
): tls.SecureContext {
  const groups = profile.groups.filter(isKnownGroup);
  if (groups.length === 0) {
    throw new Error(`none of the groups is known: ${profile.groups.join(", ")}`);
  }
  const lists = [profile.cipherSuites, profile.ciphers].filter((list) => list !== "");
  try {
    return tls.createSecureContext({
      secureOptions: BASE_OPTIONS,
      ...options,
      minVersion: profile.minVersion,
      maxVersion: "TLSv1.3",
      ciphers: lists.join(":"),
      ecdhCurve: groups.join(":"),
    });
  } catch (error) {
    const reason = reasonOf(error);
    const sentence =
      reason === "no cipher match" ? `no suite is known of ${lists.join(" and ")}` : reason;
    throw new Error(sentence, { cause: error });
  }
}

function isKnownGroup(name: string): boolean {
  let answer = known.get(name);
  if (answer === undefined) {
    answer = true;
    try {
      tls.createSecureContext({ ecdhCurve: name });
    } catch {
      answer = false;
    }
    known.set(name, answer);
  }
  return answer;
}
