/** How the built-in filters are written: the control plane's list. `runtime.ts` is the workers'. */

import { addPrefix } from "./add-prefix/config.ts";
import { bodyLimit } from "./body-limit/config.ts";
import { requestHeaders, responseHeaders } from "./headers/config.ts";
import { cache } from "./cache/config.ts";
import { ipAccess } from "./ip-access/config.ts";
import { rateLimit } from "./rate-limit/config.ts";
import { redirect } from "./redirect/config.ts";
import { respond } from "./respond/config.ts";
import { stripPrefix } from "./strip-prefix/config.ts";

/** By the key under `use`. */
export const FILTER_SCHEMAS: {
  readonly addPrefix: typeof addPrefix;
  readonly bodyLimit: typeof bodyLimit;
  readonly cache: typeof cache;
  readonly ipAccess: typeof ipAccess;
  readonly rateLimit: typeof rateLimit;
  readonly redirect: typeof redirect;
  readonly requestHeaders: typeof requestHeaders;
  readonly respond: typeof respond;
  readonly responseHeaders: typeof responseHeaders;
  readonly stripPrefix: typeof stripPrefix;
} = {
  addPrefix,
  bodyLimit,
  cache,
  ipAccess,
  rateLimit,
  redirect,
  requestHeaders,
  respond,
  responseHeaders,
  stripPrefix,
};
