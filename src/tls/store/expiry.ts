/** Says in time that a certificate is about to expire, and not more often than anyone wants to read it. */

import { isoDate } from "#core/time/calendar.ts";
import type { CertificateData } from "#model/tls.ts";

const DAY = 86_400_000;
/** A certificate is worth a warning when this share of its life is left … */
const SHARE = 1 / 3;
/** … but not months before: those of a year are renewed in its last weeks. */
const EARLIEST = 30 * DAY;

/** What a certificate's dates mean now. */
export type Validity = "good" | "soon" | "expired" | "early";

/** Judges the dates of a certificate. `wall`: epoch milliseconds. */
export function validityOf(
  { notBefore, notAfter }: Pick<CertificateData, "notBefore" | "notAfter">,
  wall: number,
): Validity {
  if (wall >= notAfter) return "expired";
  if (wall < notBefore) return "early";
  return notAfter - wall <= Math.min((notAfter - notBefore) * SHARE, EARLIEST) ? "soon" : "good";
}

/** One sentence about the dates, without what to do; null while they are good. */
export function validitySentence(
  certificate: Pick<CertificateData, "names" | "notBefore" | "notAfter">,
  wall: number,
): string | null {
  const who = `the certificate for ${nameList(certificate.names)}`;
  const { notBefore, notAfter } = certificate;
  switch (validityOf(certificate, wall)) {
    case "good":
      return null;
    case "soon":
      return `${who} expires ${inTime(notAfter - wall)}, on ${isoDate(notAfter)}`;
    case "expired":
      return `${who} expired ${ago(wall - notAfter)}, on ${isoDate(notAfter)}, and clients refuse it`;
    case "early":
      return `${who} is not valid before ${isoDate(notBefore)}, which is ${inTime(notBefore - wall)}: clients refuse it until then, or the clock of this machine is wrong`;
  }
}

/** The first names, and how many more there are. */
export function nameList(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(", ");
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}

/** Remembers what was said, so that each certificate is named once a day at most. */
export class ExpiryWarnings {
  /** Monotonic time of the last warning, by certificate and kind. */
  readonly #said: Map<string, number> = new Map();

  /**
   * The sentences that are due.
   * @param now monotonic milliseconds, so that a clock that jumps brings no flood
   */
  due(
    certificates: readonly Pick<
      CertificateData,
      "names" | "notBefore" | "notAfter" | "fingerprint"
    >[],
    wall: number,
    now: number,
  ): { readonly fingerprint: string; readonly sentence: string }[] {
    const found: { fingerprint: string; sentence: string }[] = [];
    const alive = new Set<string>();
    for (const certificate of certificates) {
      const { fingerprint } = certificate;
      const sentence = validitySentence(certificate, wall);
      for (const kind of ["soon", "expired", "early"]) alive.add(`${fingerprint} ${kind}`);
      if (sentence === null) continue;
      const key = `${fingerprint} ${validityOf(certificate, wall)}`;
      if (now - (this.#said.get(key) ?? -Infinity) < DAY) continue;
      this.#said.set(key, now);
      found.push({ fingerprint, sentence });
    }
    for (const key of this.#said.keys()) if (!alive.has(key)) this.#said.delete(key);
    return found;
  }
}

function inTime(milliseconds: number): string {
  return `in ${spanOf(milliseconds)}`;
}

function ago(milliseconds: number): string {
  return `${spanOf(milliseconds)} ago`;
}

function spanOf(milliseconds: number): string {
  const hours = Math.floor(milliseconds / 3_600_000);
  if (hours >= 48) return `${Math.floor(hours / 24)} days`;
  if (hours >= 2) return `${hours} hours`;
  const minutes = Math.max(Math.floor(milliseconds / 60_000), 1);
  return minutes === 1 ? "1 minute" : `${minutes} minutes`;
}
