/** The local certificate authority for commands: made if there is none, trusted by this machine or not any more. */

import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

import { DataError } from "#tls/data-error.ts";
import { dataFolder } from "#tls/data-folder.ts";
import { openRoot, readRoot, rootName } from "#tls/local/root.ts";
import { thisMachine } from "#tls/local/this-machine.ts";
import type { TrustedRoot } from "#tls/trust/stores.ts";
import { type TrustSystem, thisSystem } from "#tls/trust/system.ts";
import { changeTrust } from "#tls/trust/trust.ts";

/** What `sluice trust` is asked to do. */
export interface TrustRequest {
  /** `--data`. */
  readonly data: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly directory: string;
  /** Epoch milliseconds. */
  readonly wall: () => number;
  readonly uninstall: boolean;
  readonly dryRun: boolean;
  readonly say: (line: string) => void;
  readonly complain: (line: string) => void;
  /** The machine, if it is not this one. */
  readonly system?: TrustSystem;
}

/** @returns whether all is now as it was asked for */
export async function trustLocal(request: TrustRequest): Promise<boolean> {
  const { data, environment, directory, complain } = request;
  const home = environment["HOME"] ?? homedir();
  const uid = process.getuid?.() ?? -1;
  const folder = dataFolder({ data, environment, directory, home, uid });
  try {
    const root = await rootFor(folder, request);
    if (root === null) return true;
    const system = request.system ?? thisSystem(environment["PATH"] ?? "", home);
    return await changeTrust(system, root, request);
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    complain(error.message);
    complain(`  hint: ${error.hint}`);
    return false;
  }
}

/** The root, having said what becomes of it; null if there is nothing to do without one. */
async function rootFor(folder: string, request: TrustRequest): Promise<TrustedRoot | null> {
  const { say, dryRun, uninstall, wall } = request;
  const options = { folder, wall, hostname: thisMachine().hostname };
  // To take it out, its certificate is enough, so that one with a damaged key can be got rid of.
  const copy = join(folder, "local-ca/root.crt");
  const kept = uninstall ? await readFile(copy, "utf8").catch(() => null) : null;
  if (kept !== null) {
    const root = describe(new X509Certificate(kept), copy);
    say(`The local certificate authority is \`${root.name}\` (${copy}).`);
    return root;
  }
  const found = await readRoot(options);
  if (found === null && (uninstall || dryRun)) {
    say(
      uninstall
        ? `There is no local certificate authority in ${folder}: nothing to undo.`
        : `There is no local certificate authority in ${folder} yet: one would be made, and put into the trust stores of this machine.`,
    );
    return null;
  }
  if (found === null) say(`Making a local certificate authority in ${folder}.`);
  const root = await openRoot(options);
  say(`The local certificate authority is \`${root.name}\` (${root.certificateFile}).`);
  if (!uninstall) {
    say("Whoever has its key can pass for any site before programs that trust it. The key stays");
    say(`in ${folder}, where this user alone can read it.`);
  }
  say("");
  return describe(root.certificate, root.certificateFile);
}

function describe(certificate: X509Certificate, file: string): TrustedRoot {
  return {
    name: rootName(certificate),
    file,
    pem: certificate.toString(),
    sha1: certificate.fingerprint.replaceAll(":", "").toLowerCase(),
  };
}
