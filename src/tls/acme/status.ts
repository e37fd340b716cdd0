/** Certificates that are obtained, as people and scripts get them listed. */

import { isoDate } from "#core/time/calendar.ts";
import { type CertificateStatus, describe } from "../store/status.ts";
import { validityOf, validitySentence } from "../store/expiry.ts";
import type { AcmeEntry } from "./entry.ts";
import type { AcmeFolder } from "./folder.ts";

/** One name. */
export type AcmeStatus = CertificateStatus;

/** What there is to say about a name. `wall`: epoch milliseconds; `now`: monotonic ones. */
export function statusOfEntry(
  entry: AcmeEntry,
  place: string,
  folder: Pick<AcmeFolder, "certificateFile">,
  wall: number,
  now: number,
): AcmeStatus {
  const { name, certificate, lastError, damage, renewAt } = entry;
  const problems = [
    ...(lastError === null ? [] : [lastError.sentence]),
    ...(damage === null ? [] : [damage]),
  ];
  const next = entry.busy ? "now" : nextTry(entry, now);
  const base = {
    place,
    kind: "acme" as const,
    file: certificate === null ? null : folder.certificateFile(name),
    name,
    lastError:
      lastError === null ? null : { sentence: lastError.sentence, at: isoDate(lastError.at) },
  };
  if (certificate === null) {
    return { ...base, certificate: null, renewal: next, broken: true, problems };
  }
  const validity = validityOf(certificate, wall);
  const dates = validity === "expired" ? validitySentence(certificate, wall) : null;
  return {
    ...base,
    certificate: describe(certificate, wall),
    renewal: next ?? (renewAt === null ? null : isoDate(renewAt)),
    broken: validity === "expired",
    problems: dates === null ? problems : [dates, ...problems],
  };
}

function nextTry({ failures, notBefore }: AcmeEntry, now: number): string | null {
  return failures === 0 ? null : `in ${spanOf(Math.max(0, notBefore - now))}`;
}

/** About how long, for people. */
export function spanOf(ms: number): string {
  const minutes = Math.max(1, Math.round(ms / 60_000));
  if (minutes < 120) return minutes === 1 ? "1 minute" : `${minutes} minutes`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`;
}
