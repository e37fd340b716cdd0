/** Certificates as people and scripts get them listed. */

import { isoDate } from "#core/time/calendar.ts";
import type { CertificateData, CertificateSourceData } from "#model/tls.ts";
import { type Validity, validityOf, validitySentence } from "./expiry.ts";

/** One source. */
export interface CertificateStatus {
  /** Place in the configuration. */
  readonly place: string;
  readonly kind: CertificateSourceData["kind"];
  /** Of the certificate's file; null for the local authority. */
  readonly file: string | null;
  /** Null: there is none, and the first problem says why. */
  readonly certificate: {
    readonly names: readonly string[];
    readonly keyType: CertificateData["keyType"];
    readonly issuer: string;
    /** Browsers trust it without being told to. */
    readonly isPublic: boolean;
    /** Days, `2026-11-24`. */
    readonly notBefore: string;
    readonly notAfter: string;
    /** Whole days until it expires; negative when it has. */
    readonly daysLeft: number;
    readonly validity: Validity;
    readonly fingerprint: string;
  } | null;
  /** Sentences, the worst first. */
  readonly problems: readonly string[];
}

/** What there is to say about a source. `problems`: what is known beside the dates. */
export function statusOf(
  source: CertificateSourceData,
  certificate: CertificateData | null,
  problems: readonly string[],
  wall: number,
): CertificateStatus {
  const { place, kind } = source;
  const file = source.kind === "files" ? source.cert : null;
  if (certificate === null) return { place, kind, file, certificate, problems };
  const { names, keyType, issuer, isPublic, notBefore, notAfter, fingerprint } = certificate;
  const dates = validitySentence(certificate, wall);
  return {
    place,
    kind,
    file,
    certificate: {
      names,
      keyType,
      issuer,
      isPublic,
      notBefore: isoDate(notBefore),
      notAfter: isoDate(notAfter),
      daysLeft: Math.floor((notAfter - wall) / 86_400_000),
      validity: validityOf(certificate, wall),
      fingerprint,
    },
    problems: dates === null || kind === "local" ? problems : [dates, ...problems],
  };
}
