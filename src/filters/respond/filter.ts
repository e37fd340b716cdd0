import { type FilterKind, respond as answer } from "#sdk/index.ts";
import type { RespondOptions } from "./config.ts";

/** Answers every request of the route itself. */
export const respond: FilterKind<RespondOptions> = {
  name: "respond",
  stability: "stable",
  securityPosture: "untrusted-both",
  pure: true,
  create({ status, headers, body }) {
    const verdict = answer({ status, headers, body: new TextEncoder().encode(body) });
    return { onRequestHead: () => verdict };
  },
};
