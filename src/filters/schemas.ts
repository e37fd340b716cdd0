/** How the built-in filters are written: the control plane's list. `runtime.ts` is the workers'. */

import { addPrefix } from "./add-prefix/config.ts";
import { basicAuth } from "./basic-auth/config.ts";
import { bodyLimit } from "./body-limit/config.ts";
import { cache } from "./cache/config.ts";
import { concurrencyLimit } from "./concurrency-limit/config.ts";
import { cors } from "./cors/config.ts";
import { forwardAuth } from "./forward-auth/config.ts";
import { requestHeaders, responseHeaders } from "./headers/config.ts";
import { ipAccess } from "./ip-access/config.ts";
import { rateLimit } from "./rate-limit/config.ts";
import { redirect } from "./redirect/config.ts";
import { respond } from "./respond/config.ts";
import { securityHeaders } from "./security-headers/config.ts";
import { stripPrefix } from "./strip-prefix/config.ts";

/** By the key under `use`. */
export const FILTER_SCHEMAS: {
  readonly addPrefix: typeof addPrefix;
  readonly basicAuth: typeof basicAuth;
  readonly bodyLimit: typeof bodyLimit;
  readonly cache: typeof cache;
  readonly concurrencyLimit: typeof concurrencyLimit;
  readonly cors: typeof cors;
  readonly forwardAuth: typeof forwardAuth;
  readonly ipAccess: typeof ipAccess;
  readonly rateLimit: typeof rateLimit;
  readonly redirect: typeof redirect;
  readonly requestHeaders: typeof requestHeaders;
  readonly respond: typeof respond;
  readonly responseHeaders: typeof responseHeaders;
  readonly securityHeaders: typeof securityHeaders;
  readonly stripPrefix: typeof stripPrefix;
} = {
  addPrefix,
  basicAuth,
  bodyLimit,
  cache,
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
};
