/** What `sluice check` looks at beside the configuration itself: the certificates of listeners, which a start would refuse. */

import { tmpdir } from "node:os";

import { type Diagnostic, renderDiagnostics } from "#config/diagnostic.ts";
import type { ReadConfig } from "#control/apply/read.ts";
import { Xorshift } from "#core/random.ts";
import { systemScheduler } from "#process/scheduler.ts";
import { thisMachine } from "#tls/local/this-machine.ts";
import { CertificateStore } from "#tls/store/store.ts";

/** What is wrong with the certificates that a configuration names. */
export interface CertificateCheck {
  readonly ok: boolean;
  /** For people; "" if all is right. */
  readonly text: string;
}

/** Reads the certificates of files. The local authority and others are asked nothing. */
export async function checkCertificates(
  { snapshot, sources }: ReadConfig,
  wall: () => number,
  color: boolean,
): Promise<CertificateCheck> {
  const files = snapshot.certificates.filter(({ kind }) => kind === "files");
  if (files.length === 0) return { ok: true, text: "" };
  const store = new CertificateStore({
    scheduler: systemScheduler,
    wall,
    watch: () => ({ watch: () => Promise.resolve(), close: () => Promise.resolve() }),
    dataFolder: tmpdir(),
    machine: thisMachine,
    makesRoot: false,
    random: new Xorshift(0),
    onChange: () => undefined,
    log: () => undefined,
  });
  const { problems } = await store.prepare(files);
  await store.close();
  const diagnostics = problems.map(({ severity, place, message, hint }): Diagnostic =>
    sources.diagnostic(severity, place, message, hint),
  );
  if (diagnostics.length === 0) return { ok: true, text: "" };
  const text = renderDiagnostics(diagnostics, { color, text: (file) => sources.text(file) });
  return { ok: diagnostics.every(({ severity }) => severity !== "error"), text };
}
