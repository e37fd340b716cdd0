import { CONTINUE, type FilterKind, joinPrefix } from "#sdk/index.ts";

/** Puts a prefix before the path that the backend sees. */
export const addPrefix: FilterKind<string> = {
  name: "addPrefix",
  stability: "stable",
  securityPosture: "untrusted-both",
  pure: true,
  create(prefix) {
    return {
      onRequestHead({ request }) {
        // `OPTIONS *` asks about the server: there is no path to put anything before.
        if (request.target !== "*") request.target = joinPrefix(prefix, request.target);
        return CONTINUE;
      },
    };
  },
};
