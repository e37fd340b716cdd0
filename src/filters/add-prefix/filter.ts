import {
  CONTINUE,
  type Filter,
  type FilterKind,
  joinPrefix,
  mendResponse as mend,
  stripPrefix,
} from "#sdk/index.ts";
import type { AddPrefixOptions } from "./config.ts";

/** Puts a prefix before the path that the backend sees. */
export const addPrefix: FilterKind<AddPrefixOptions> = {
  name: "addPrefix",
  stability: "stable",
  securityPosture: "untrusted-both",
  pure: true,
  create({ prefix, mendResponse }) {
    const takeOff = (path: string): string => stripPrefix(path, prefix) ?? path;
    const filter: Filter = {
      onRequestHead({ request }) {
        // `OPTIONS *` asks about the server: there is no path to put anything before.
        if (request.target !== "*") request.target = joinPrefix(prefix, request.target);
        return CONTINUE;
      },
    };
    if (!mendResponse) return filter;
    return {
      ...filter,
      onResponseHead(context) {
        if (!context.response.local) mend(context, takeOff);
        return CONTINUE;
      },
    };
  },
};
