import { CONTINUE, type FilterKind, stripPrefix as strip } from "#sdk/index.ts";

/** Takes a prefix off the path that the backend sees. */
export const stripPrefix: FilterKind<string> = {
  name: "stripPrefix",
  stability: "stable",
  securityPosture: "untrusted-both",
  pure: true,
  create(prefix) {
    return {
      onRequestHead({ request }) {
        const target = strip(request.target, prefix);
        if (target === null) return CONTINUE;
        request.target = target;
        request.strippedPrefix += prefix;
        return CONTINUE;
      },
    };
  },
};
