/**
 * The short form: a whole configuration in the arguments of one command.
 */
import { isLocalName } from "./host-names.ts";
import type { ConfigInput } from "./input.ts";
import type { ConfigPath, SourceIndex, SourcePosition } from "./source-map.ts";

/** What the command line may say instead of a file. */
export interface ShortForm {
  /** Backend addresses, at least one. */
  readonly to: readonly string[];
  /** Listen addresses; `:8080` without. */
  readonly listen?: readonly string[];
  /** Hosts to answer for, by TLS. */
  readonly domain?: readonly string[];
}

/** Name of the one upstream of the short form. */
export const SHORT_FORM_UPSTREAM = "app";

/** The same configuration as a file would hold, and an index that answers with the flags' names. */
export function fromArguments(form: ShortForm): {
  readonly value: ConfigInput;
  readonly index: SourceIndex;
} {
  const domains = form.domain ?? [];
  const secure = domains.length > 0;
  const isLocal = domains.every(isLocalName);
  const listen = form.listen ?? [secure ? ":443" : ":8080"];
  const value = {
    listen: secure
      ? listen.map((address) => ({
          address,
          tls: isLocal ? ("local" as const) : ("auto" as const),
        }))
      : [...listen],
    upstreams: { [SHORT_FORM_UPSTREAM]: { endpoints: [...form.to] } },
    routes: [{ match: secure ? domains.map(asMatch) : "/*", to: SHORT_FORM_UPSTREAM }],
  };
  return { value, index: flagIndex };
}

/** An IPv6 address stands in brackets where a host is matched. */
function asMatch(domain: string): string {
  return domain.includes(":") && !domain.startsWith("[") ? `[${domain}]` : domain;
}

const FILE = "command line";

const flagIndex: SourceIndex = {
  file: FILE,
  text: undefined,
  find: (): SourcePosition => ({ file: FILE, line: null, column: null, length: 1 }),
  label: (path: ConfigPath): string | undefined => {
    if (path[0] === "upstreams") return "--to";
    if (path[0] === "routes" || path.at(-1) === "tls") return "--domain";
    return path[0] === "listen" ? "--listen" : undefined;
  },
};
