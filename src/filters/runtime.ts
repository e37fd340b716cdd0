/** What the built-in filters do: the workers' list. `schemas.ts` is the control plane's. */

import type { FilterKind } from "#sdk/index.ts";
import { addPrefix } from "./add-prefix/filter.ts";
import { basicAuth } from "./basic-auth/filter.ts";
import { bodyLimit } from "./body-limit/filter.ts";
import { concurrencyLimit } from "./concurrency-limit/filter.ts";
import { cors } from "./cors/filter.ts";
import { forwardAuth } from "./forward-auth/filter.ts";
import { requestHeaders, responseHeaders } from "./headers/filter.ts";
import { ipAccess } from "./ip-access/filter.ts";
import { rateLimit } from "./rate-limit/filter.ts";
import { redirect } from "./redirect/filter.ts";
import { respond } from "./respond/filter.ts";
import { securityHeaders } from "./security-headers/filter.ts";
import { stripPrefix } from "./strip-prefix/filter.ts";

/** By the key under `use`. */
export const FILTERS: ReadonlyMap<string, FilterKind> = new Map<string, FilterKind>(
  [
    addPrefix,
    basicAuth,
    bodyLimit,
    concurrencyLimit,
    cors,
    forwardAuth,
    ipAccess,
    rateLimit,
    redirect,
    requestHeaders,
    respond,
    responseHeaders,
    securityHeaders,
    stripPrefix,
  ].map((kind) => [kind.name, kind as FilterKind]),
);
