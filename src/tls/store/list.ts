/** The certificates of a configuration, looked at without running it. */

import type { CertificateSourceData } from "#model/tls.ts";
import { remarkText } from "./files.ts";
import { type CertificateStatus, statusOf } from "./status.ts";
import type { CertificateStore } from "./store.ts";

/** One row for each source, in their order. `wall`: epoch milliseconds. */
export async function listCertificates(
  store: Pick<CertificateStore, "prepare">,
  sources: readonly CertificateSourceData[],
  wall: number,
): Promise<CertificateStatus[]> {
  const { entries, problems } = await store.prepare(sources);
  return entries.map(({ source, found }) => {
    const said = problems.filter((problem) => problem.source === source.id).map(remarkText);
    if (found.kind === "none") return statusOf(source, null, said, wall);
    const { certificate } = found.kind === "files" ? found.pair : found.kept;
    return statusOf(source, certificate, said, wall);
  });
}
