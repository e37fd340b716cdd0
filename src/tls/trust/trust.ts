/** `sluice trust`: puts the root of the local authority into the trust stores of this machine, and takes it out. */

import { type TrustStore, type TrustedRoot, findStores } from "./stores.ts";
import type { TrustSystem } from "./system.ts";

/** What is to be done. */
export interface TrustOptions {
  readonly uninstall: boolean;
  /** Only say it. */
  readonly dryRun: boolean;
  /** Takes the lines that say what is done, before it is. */
  readonly say: (line: string) => void;
  /** Takes those that say what went wrong. */
  readonly complain: (line: string) => void;
}

/** How it ended for one store. */
type Outcome = "done" | "nothing to do" | "not done";

/** @returns whether every store of this machine is as it should be now; with `dryRun`: true */
export async function changeTrust(
  system: TrustSystem,
  root: TrustedRoot,
  options: TrustOptions,
): Promise<boolean> {
  const { uninstall, dryRun, say } = options;
  const { stores, notes } = findStores(system, root);
  const outcomes: Outcome[] = [];
  for (const store of stores) outcomes.push(await changeStore(system, store, options));
  for (const note of notes) options.complain(note);
  if (outcomes.includes("done") && !uninstall && !dryRun) {
    say("");
    say("Browsers that are running take it when they are started again.");
    say("To undo it: sluice trust --uninstall");
  }
  return dryRun || (!outcomes.includes("not done") && (uninstall || stores.length > 0));
}

async function changeStore(
  system: TrustSystem,
  store: TrustStore,
  { uninstall, dryRun, say, complain }: TrustOptions,
): Promise<Outcome> {
  const { name, needsRoot } = store;
  if ((await store.has()) !== uninstall) {
    say(uninstall ? `${name}: does not have it` : `${name}: has it already`);
    return "nothing to do";
  }
  const commands = uninstall ? store.uninstall : store.install;
  const lacksRights = needsRoot && system.uid !== 0;
  const lines = commands.map((command) => `  ${lacksRights ? "sudo " : ""}${shown(command)}`);
  if (lacksRights) {
    complain(`${name}: only root may change it; run`);
    for (const line of lines) complain(line);
    return "not done";
  }
  say(`${name}:`);
  for (const line of lines) say(line);
  if (dryRun) return "done";
  for (const command of commands) {
    const { ok, output } = await system.run(command);
    if (ok) continue;
    complain(`${name}: \`${shown(command)}\` failed${output === "" ? "" : `: ${output}`}`);
    return "not done";
  }
  return "done";
}

/** A command as a shell takes it. */
function shown(command: readonly string[]): string {
  return command
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(" ");
}
