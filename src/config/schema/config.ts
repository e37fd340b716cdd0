/**
 * The schema of a whole configuration.
 */
import { type FilterSchemas, oneOrMany, z } from "#sdk/config.ts";
import type { ConfigInput } from "../input.ts";
import type { LaterKeys } from "../issues.ts";
import type { Config } from "../types.ts";
import { acmeSchema } from "./acme.ts";
import { cacheSchema } from "./cache.ts";
import { limitsSchema } from "./limits.ts";
import { adminSchema, listenSchema, transportSchema, workersSchema } from "./listen.ts";
import { logSchema } from "./log.ts";
import { type RoutesOptions, createRoutesSchema } from "./routes.ts";
import { cidr } from "./scalars.ts";
import { timeoutsSchema } from "./timeouts.ts";
import { upstreamsSchema } from "./upstreams.ts";

/** Builds the schema for the filters that there are. */
export function createSchema<Filters extends FilterSchemas>(
  filters: Filters,
  options: RoutesOptions = { inlineFilters: true },
): z.ZodType<Config, ConfigInput<Filters>> {
  return z.strictObject({
    listen: listenSchema,
    upstreams: upstreamsSchema,
    routes: createRoutesSchema(filters, options),
    trustedProxies: oneOrMany(cidr, { empty: true })
      .prefault([])
      .describe(
        "Addresses or blocks of the proxies in front of this one, whose `X-Forwarded-*` and `Forwarded` fields are believed. From everybody else these fields are removed.",
      ),
    forwarded: z
      .boolean()
      .prefault(false)
      .describe(
        "Whether backends get the standard `Forwarded` field (RFC 7239) beside `X-Forwarded-*`.",
      ),
    timeouts: timeoutsSchema,
    limits: limitsSchema,
    log: logSchema,
    acme: acmeSchema,
    cache: cacheSchema,
    admin: adminSchema,
    transport: transportSchema,
    workers: workersSchema,
  });
}

/** Keys that a later version will know. They are refused today, because an option that does nothing is a trap. */
export const laterKeys: LaterKeys = {
  ...Object.fromEntries(
    ["rateLimit", "basicAuth", "compress", "http2", "dashboard", "tracing"]
      .flatMap((key) => [key, `routes.*.${key}`, `routes.*.use.*.${key}`])
      .map((path) => [path, later(path.slice(path.lastIndexOf(".") + 1))]),
  ),
  tls: '`tls` stands at a listener\nwrite `listen: [{ address: ":443", tls: … }]`',
};

function later(key: string): string {
  return `\`${key}\` is not part of this version yet\nremove it for now`;
}
