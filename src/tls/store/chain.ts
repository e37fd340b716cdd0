/** Which certificate of a file is meant, and which lead from it to its root. */

import type { X509Certificate } from "node:crypto";

import { isUnderRoot } from "./roots.ts";

/** A chain, and what was odd about the file that it is from. */
export interface Chain {
  /** The certificate, then its issuers, without the root. */
  readonly certificates: readonly X509Certificate[];
  /** Who has issued the last of them, if the file has that one too. */
  readonly issuer: X509Certificate | null;
  /** Leads to a root that browsers trust. */
  readonly isPublic: boolean;
  /** The file has them in another order. */
  readonly reordered: boolean;
  /** Certificates of the file that are no part of the chain. */
  readonly strangers: number;
}

/** Orders the certificates of a file behind `leaf`. */
export function chainOf(leaf: X509Certificate, all: readonly X509Certificate[]): Chain {
  const certificates = [leaf];
  const left = new Set(all.filter((one) => one.fingerprint256 !== leaf.fingerprint256));
  let last = leaf;
  let root: X509Certificate | null = isSelfSigned(leaf) ? leaf : null;
  let isPublic = isUnderRoot(leaf);
  while (root === null) {
    const issuer = [...left].find((one) => hasIssued(one, last));
    if (issuer === undefined) break;
    left.delete(issuer);
    if (isSelfSigned(issuer)) {
      root = issuer;
      break;
    }
    certificates.push(issuer);
    last = issuer;
    isPublic ||= isUnderRoot(issuer);
  }
  const wanted = root === null || root === leaf ? certificates : [...certificates, root];
  return {
    certificates,
    issuer: certificates[1] ?? (root === leaf ? null : root),
    isPublic,
    reordered: !isSubsequence(wanted, all),
    strangers: left.size,
  };
}

/** Whether the key of `issuer` has signed `certificate`. */
export function hasIssued(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

/** A root, or a certificate that vouches for itself. */
export function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.subject === certificate.issuer && hasIssued(certificate, certificate);
}

function isSubsequence(
  wanted: readonly X509Certificate[],
  all: readonly X509Certificate[],
): boolean {
  let next = 0;
  for (const one of all) {
    if (one.fingerprint256 === wanted[next]?.fingerprint256) next++;
  }
  return next === wanted.length;
}
