/** Certificates as people and scripts get them listed. */

import { isoDate } from "#core/time/calendar.ts";
import type { CertificateData, CertificateSourceData } from "#model/tls.ts";
import { type Validity, nameList, validityOf, validitySentence } from "./expiry.ts";

/** One source. */
export interface CertificateStatus {
  /** Place in the configuration. */
  readonly place: string;
  readonly kind: CertificateSourceData["kind"] | "acme";
  /** Of the certificate's file; null for the local authority, and where there is none. */
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
    /** It is served with an OCSP answer. */
    readonly stapled: boolean;
  } | null;
  /** Nobody can use it: there is no certificate, or clients refuse the one there is. */
  readonly broken: boolean;
  /** Sentences, the worst first. */
  readonly problems: readonly string[];
  /** Of those that are obtained: for whom. */
  readonly name?: string;
  /** When it is renewed or obtained next, in words; null: not known. */
  readonly renewal?: string | null;
  /** How the last try to obtain one has failed, and on which day; null: it has not. */
  readonly lastError?: { readonly sentence: string; readonly at: string } | null;
}

/**
 * What there is to say about a source.
 * @param problems what is known beside the dates
 * @param wall epoch milliseconds
 */
export function statusOf(
  source: CertificateSourceData,
  certificate: CertificateData | null,
  problems: readonly string[],
  wall: number,
): CertificateStatus {
  const { place, kind } = source;
  const file = source.kind === "files" ? source.cert : null;
  if (certificate === null) {
    // A local authority that does not exist yet is made by the next start.
    const broken = kind === "files" || problems.length > 0;
    return { place, kind, file, certificate, broken, problems };
  }
  const validity = validityOf(certificate, wall);
  // Local ones are made anew before they expire: there is nothing to do.
  const dates = kind === "local" ? null : validitySentence(certificate, wall);
  return {
    place,
    kind,
    file,
    certificate: describe(certificate, wall),
    broken: kind === "files" && (validity === "expired" || validity === "early"),
    problems: dates === null ? problems : [dates, ...problems],
  };
}

/** What there is to say about a certificate itself. `wall`: epoch milliseconds. */
export function describe(
  certificate: CertificateData,
  wall: number,
): NonNullable<CertificateStatus["certificate"]> {
  const { names, keyType, issuer, isPublic, notBefore, notAfter, fingerprint, ocsp } = certificate;
  return {
    names,
    keyType,
    issuer,
    isPublic,
    notBefore: isoDate(notBefore),
    notAfter: isoDate(notAfter),
    daysLeft: Math.floor((notAfter - wall) / 86_400_000),
    validity: validityOf(certificate, wall),
    fingerprint,
    stapled: ocsp !== null,
  };
}

/** For a terminal: a few lines for each certificate. */
export function renderStatus(all: readonly CertificateStatus[]): string {
  return all.map((one) => `${linesOf(one).join("\n")}\n`).join("\n");
}

function linesOf(status: CertificateStatus): string[] {
  const { certificate, place, problems, kind, renewal } = status;
  const who = certificate === null ? "no certificate" : nameList(certificate.names);
  const lines = [
    certificate === null && status.name !== undefined ? `${status.name}: ${who}` : who,
    `  ${place}: ${sourceOf(status)}`,
  ];
  if (certificate !== null) {
    const { keyType, issuer, isPublic, notAfter, daysLeft, stapled } = certificate;
    const facts = [
      `${KEY_TYPES[keyType]}, issued by ${issuer === "" ? "nobody with a name" : issuer}`,
      ...(isPublic ? ["public"] : []),
      ...(stapled ? ["with an OCSP answer"] : []),
    ];
    lines.push(`  ${facts.join(", ")}`);
    const days = Math.abs(daysLeft) === 1 ? "day" : "days";
    lines.push(
      kind === "local"
        ? "  made anew every few days, and at each start"
        : `  ${daysLeft} ${days} left, until ${notAfter}`,
    );
  } else if (kind === "local" && problems.length === 0) {
    lines.push("  the first start makes the authority, or `sluice trust`");
  }
  if (kind === "acme") {
    const verb = certificate === null ? "obtained" : "renewed";
    lines.push(`  ${verb} ${renewal ?? "when an instance runs"}`);
  }
  return [...lines, ...problems.map((problem) => `  problem: ${problem}`)];
}

function sourceOf({ kind, file }: CertificateStatus): string {
  if (kind === "local") return "the local certificate authority";
  return kind === "acme" ? `obtained by ACME${file === null ? "" : `, ${file}`}` : (file ?? "");
}

const KEY_TYPES: Readonly<Record<CertificateData["keyType"], string>> = {
  ec: "ECDSA",
  rsa: "RSA",
  ed25519: "Ed25519",
};
