import { CONTINUE, type FilterKind, type HeaderList, respond } from "#sdk/index.ts";
import type { CorsOptions } from "./config.ts";

const OURS = [
  "access-control-allow-origin",
  "access-control-allow-credentials",
  "access-control-expose-headers",
] as const;

/** Lets scripts of other sites read answers (Fetch standard, "HTTP responses" of the CORS protocol). */
export const cors: FilterKind<CorsOptions, { preflight: boolean }> = {
  name: "cors",
  stability: "stable",
  securityPosture: "untrusted-both",
  pure: true,
  create({ origins, methods, headers, expose, credentials, maxAge }) {
    const isAllowed = originTest(origins);
    const allows = (origin: string): string =>
      origins === null ? "*" : isAllowed(origin) ? origin : "";
    const known = new Set(methods);
    const fields = headers === null ? null : new Set(headers);

    /** What a preflight is answered with; without the fields, browsers do not go on. */
    const preflight = (origin: string, method: string, asked: string): Record<string, string> => {
      const answer: Record<string, string> = {
        Vary: "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
      };
      const allowed = allows(origin);
      const names = asked
        .toLowerCase()
        .split(",")
        .map((name) => name.trim());
      const wanted = names.filter((name) => name !== "");
      const isRefused =
        allowed === "" ||
        !(known.has(method) || SAFELISTED.has(method)) ||
        (fields !== null && !wanted.every((name) => fields.has(name)));
      if (isRefused) return answer;
      answer["Access-Control-Allow-Origin"] = allowed;
      if (credentials) answer["Access-Control-Allow-Credentials"] = "true";
      answer["Access-Control-Allow-Methods"] = methods.join(", ");
      const offered = fields === null ? wanted : [...fields];
      if (offered.length > 0) answer["Access-Control-Allow-Headers"] = offered.join(", ");
      answer["Access-Control-Max-Age"] = String(maxAge);
      return answer;
    };

    return {
      start: () => ({ preflight: false }),
      onRequestHead({ request, state }) {
        if (request.method !== "OPTIONS") return CONTINUE;
        const origin = request.headers.get("origin");
        const method = request.headers.get("access-control-request-method");
        if (origin === undefined || method === undefined) return CONTINUE;
        state.preflight = true;
        const asked = request.headers.get("access-control-request-headers") ?? "";
        return respond({ status: 204, headers: preflight(origin, method, asked) });
      },
      onResponseHead({ request, response, state }) {
        if (state.preflight) return CONTINUE;
        // What a backend says beside us would be a second value, which browsers take for none.
        for (const name of OURS) response.headers.delete(name);
        if (origins !== null) varyByOrigin(response.headers);
        const origin = request.headers.get("origin");
        const allowed = origin === undefined ? "" : allows(origin);
        if (allowed === "") return CONTINUE;
        response.headers.append("Access-Control-Allow-Origin", allowed);
        if (credentials) response.headers.append("Access-Control-Allow-Credentials", "true");
        if (expose.length > 0) {
          response.headers.append("Access-Control-Expose-Headers", expose.join(", "));
        }
        return CONTINUE;
      },
    };
  },
};

/** Browsers send these without asking, but for their fields. */
const SAFELISTED: ReadonlySet<string> = new Set(["GET", "HEAD", "POST"]);

function originTest(origins: readonly string[] | null): (origin: string) => boolean {
  const exact = new Set<string>();
  const patterns: ((origin: string) => boolean)[] = [];
  for (const origin of origins ?? []) {
    const star = origin.indexOf("*");
    if (star < 0) {
      exact.add(origin);
      continue;
    }
    const before = origin.slice(0, star);
    const isDeep = origin.startsWith("**", star);
    const after = origin.slice(star + (isDeep ? 2 : 1));
    patterns.push((one) => {
      if (!one.startsWith(before) || !one.endsWith(after)) return false;
      const label = one.slice(before.length, one.length - after.length);
      return (isDeep ? /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/ : /^[a-z0-9_-]+$/).test(label);
    });
  }
  return (origin) => exact.has(origin) || patterns.some((matches) => matches(origin));
}

/** Caches have to keep answers to different origins apart, also those without the fields. */
function varyByOrigin(headers: HeaderList): void {
  const known = headers.get("vary") ?? "";
  if (/(?:^|,)\s*(?:\*|origin)\s*(?:,|$)/i.test(known)) return;
  headers.append("Vary", "Origin");
}
