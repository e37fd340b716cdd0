import { CONTINUE, type FilterKind } from "#sdk/index.ts";
import type { SecurityHeadersOptions } from "./config.ts";

const HSTS = "Strict-Transport-Security";

/** What the proxy itself adds on listeners with TLS, before filters see the answer. */
const OF_THE_PROXY = "max-age=15768000";

/** Tells browsers what they may not do with the pages of this site. */
export const securityHeaders: FilterKind<SecurityHeadersOptions> = {
  name: "securityHeaders",
  stability: "stable",
  securityPosture: "untrusted-both",
  pure: true,
  create({ fields, hsts, override }) {
    return {
      onResponseHead({ request, response }) {
        const { headers } = response;
        for (const [name, value] of fields) {
          if (override) headers.set(name, value);
          else if (!headers.has(name)) headers.append(name, value);
        }
        // Over plain HTTP anybody could have written it, and browsers ignore it (RFC 6797 section 8.1).
        if (hsts !== null && request.scheme === "https") {
          const known = headers.get(HSTS);
          if (override || known === undefined || known === OF_THE_PROXY) headers.set(HSTS, hsts);
        }
        return CONTINUE;
      },
    };
  },
  summary: ({ fields }) => fields.map(([name]) => name).join(", "),
};
