/** Waits until a TXT record can be seen from outside: an authority that looks too early counts a failure. */

import { promises } from "node:dns";

import type { Scheduler } from "#core/time/scheduler.ts";
import { type TxtRecord, dnsFault, zonesOf } from "./provider.ts";

/** How it is waited. */
export interface PropagationOptions {
  readonly scheduler: Scheduler;
  /** Name servers; empty: those of the zone. */
  readonly resolvers: readonly string[];
  /** Milliseconds. */
  readonly wait: number;
}

/** Time between two looks, milliseconds. */
const LOOK = 2000;

/**
 * Resolves when all name servers that can be asked have the record, or none can be asked at all.
 * @throws AcmeError when they do not have it in time
 */
export async function waitForRecord(
  { name, value }: TxtRecord,
  { scheduler, resolvers, wait }: PropagationOptions,
): Promise<void> {
  const deadline = scheduler.now() + wait;
  const servers = resolvers.length > 0 ? resolvers : await serversOf(name);
  let missing: string[] = [];
  while (servers.length > 0) {
    const seen = await Promise.all(servers.map((server) => look(server, name)));
    missing = servers.filter((_, index) => seen[index]?.includes(value) === false);
    if (missing.length === 0) return;
    if (scheduler.now() >= deadline) break;
    await new Promise<void>((resolve) => void scheduler.after(LOOK, resolve));
  }
  if (missing.length === 0) return;
  const seconds = Math.round(wait / 1000);
  throw dnsFault(
    `the TXT record ${name} has not arrived at ${missing.join(", ")} within ${seconds} s: look whether acme.dns writes to the right zone, or give it a longer \`wait\``,
  );
}

/** Values of a record at one server; none if there is no record, null if it cannot be asked. */
async function look(server: string, name: string): Promise<readonly string[] | null> {
  const resolver = new promises.Resolver({ timeout: 3000, tries: 1 });
  resolver.setServers([server]);
  try {
    return (await resolver.resolveTxt(name)).map((parts) => parts.join(""));
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : "";
    return code === "ENOTFOUND" || code === "ENODATA" ? [] : null;
  }
}

/** Addresses of the name servers that are responsible for a name. */
async function serversOf(name: string): Promise<string[]> {
  const resolver = new promises.Resolver({ timeout: 3000, tries: 2 });
  for (const zone of zonesOf(name)) {
    const names = await resolver.resolveNs(zone).catch(() => []);
    if (names.length === 0) continue;
    const found = await Promise.all(
      names.slice(0, 8).map((server) => resolver.resolve4(server).catch(() => [])),
    );
    return found.flatMap((addresses) => addresses.slice(0, 1)).map((address) => `${address}:53`);
  }
  return [];
}
