import {
  CONTINUE,
  type Filter,
  type FilterKind,
  joinPrefix,
  mendResponse as mend,
  stripPrefix as strip,
} from "#sdk/index.ts";
import type { StripPrefixOptions } from "./config.ts";

interface Stripped {
  stripped: boolean;
}

/** Takes a prefix off the path that the backend sees. */
export const stripPrefix: FilterKind<StripPrefixOptions, Stripped> = {
  name: "stripPrefix",
  stability: "stable",
  securityPosture: "untrusted-both",
  pure: true,
  create({ prefix, mendResponse }) {
    const below = `${prefix}/`;
    // An application that knows its prefix has written it itself.
    const restore = (path: string): string =>
      path === prefix || path.startsWith(below) ? path : joinPrefix(prefix, path);
    const filter: Filter<Stripped> = {
      start: () => ({ stripped: false }),
      onRequestHead({ request, state }) {
        const target = strip(request.target, prefix);
        if (target === null) return CONTINUE;
        request.target = target;
        request.strippedPrefix += prefix;
        state.stripped = true;
        return CONTINUE;
      },
    };
    if (!mendResponse) return filter;
    return {
      ...filter,
      onResponseHead(context) {
        // What the proxy answers itself speaks of the client's paths already.
        if (context.state.stripped && !context.response.local) mend(context, restore);
        return CONTINUE;
      },
    };
  },
};
