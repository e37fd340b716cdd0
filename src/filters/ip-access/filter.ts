import { CidrMap, CONTINUE, type FilterKind, refuse } from "#sdk/index.ts";
import type { IpAccessOptions } from "./config.ts";

/** Lets requests pass by the client's address. */
export const ipAccess: FilterKind<IpAccessOptions> = {
  name: "ipAccess",
  stability: "stable",
  securityPosture: "untrusted-both",
  pure: true,
  create({ allow, deny, allowFiles }) {
    // Of equal blocks the last one counts: what is denied stands behind.
    const blocks = new CidrMap([
      ...allow.map((block) => [block, true] as const),
      ...deny.map((block) => [block, false] as const),
    ]);
    // A file that is empty for a moment lets nobody pass, and not everybody.
    const others = allow.length === 0 && allowFiles.length === 0;
    const refusal = refuse("access_denied");
    return {
      onRequestHead: ({ clientIp }) => ((blocks.get(clientIp) ?? others) ? CONTINUE : refusal),
    };
  },
};
