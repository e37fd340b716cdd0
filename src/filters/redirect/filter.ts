import { type FilterKind, type Render, linkTemplate, respond } from "#sdk/index.ts";
import type { Destination, RedirectOptions } from "./config.ts";

/** Sends the client elsewhere. */
export const redirect: FilterKind<RedirectOptions> = {
  name: "redirect",
  stability: "stable",
  securityPosture: "untrusted-both",
  pure: true,
  create({ to, status, keepQuery }) {
    const location = linkDestination(to, keepQuery);
    return {
      onRequestHead: (context) => respond({ status, headers: { Location: location(context) } }),
    };
  },
};

function linkDestination(to: Destination, keepQuery: boolean): Render {
  const base = linkTemplate(to.base);
  const joint = to.hasQuery ? "&" : "?";
  return (context) => {
    const { query } = context.request;
    let url = base(context);
    if (keepQuery && query !== "") url += joint + query;
    return (to.local ? onSameHost(url) : url).replaceAll(UNSAFE, percentEncode) + to.fragment;
  };
}

/**
 * `//host` and `/\host` lead to another host, and a request's path may begin like that: one slash is enough.
 */
function onSameHost(url: string): string {
  return url.replace(/^[/\\]+/, "/");
}

/** What a URL does not have, and what old browsers read as something else. */
const UNSAFE = /[^!-~]|["<>\\^`{|}]/gu;

function percentEncode(character: string): string {
  return encodeURIComponent(character.toWellFormed());
}
