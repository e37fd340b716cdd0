/** The roots that browsers trust: Mozilla's list, as Node.js brings it. Read at first use, and then kept. */

import { X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";

let bySubject: Map<string, X509Certificate[]> | null = null;

function roots(): Map<string, X509Certificate[]> {
  if (bySubject !== null) return bySubject;
  const map = new Map<string, X509Certificate[]>();
  for (const pem of rootCertificates) {
    const root = new X509Certificate(pem);
    const same = map.get(root.subject);
    if (same === undefined) map.set(root.subject, [root]);
    else same.push(root);
  }
  bySubject = map;
  return map;
}

/** Whether one of these roots has signed `certificate`, or is it. */
export function isUnderRoot(certificate: X509Certificate): boolean {
  const candidates = roots().get(certificate.issuer) ?? [];
  return candidates.some(
    (root) => certificate.checkIssued(root) && certificate.verify(root.publicKey),
  );
}
