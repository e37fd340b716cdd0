/** The system's resolver, for a control plane that wants every address of a name. */

import { lookup } from "node:dns/promises";
import { networkInterfaces } from "node:os";

import type { ResolvedAddress } from "./addresses.ts";
import type { Resolve } from "./discovery.ts";

const LOOPBACK: readonly ResolvedAddress[] = [
  { address: "127.0.0.1", family: 4 },
  { address: "::1", family: 6 },
];

/** Names that mean this machine whatever a resolver says (RFC 6761 §6.3). */
const LOCALHOST = /(?:^|\.)localhost$/i;

/**
 * Looks a name up as every program of this machine does. `localhost` is both loopback addresses that there are, also
 * where the hosts file has only one of them: an application that listens on the other is found all the same.
 */
export const resolveHost: Resolve = async (host) => {
  if (!LOCALHOST.test(host)) return ask(host);
  const answer = await ask(host).catch((): ResolvedAddress[] => []);
  const known = new Set(answer.map(({ address }) => address));
  return [...answer, ...LOOPBACK.filter(({ address }) => !known.has(address) && isOurs(address))];
};

function ask(host: string): Promise<ResolvedAddress[]> {
  return lookup(host, { all: true, order: "verbatim" });
}

function isOurs(address: string): boolean {
  return Object.values(networkInterfaces()).some((list) =>
    list?.some((each) => each.address === address),
  );
}
