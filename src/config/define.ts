/**
 * The helper of TypeScript configurations. Light on purpose: workers import it too, so it pulls in nothing but types.
 */
import type { FilterSchemas } from "#sdk/config.ts";
import type { ConfigInput } from "./input.ts";
import type { Environment } from "./references.ts";

/**
 * Checks a configuration as it is written: a route's `to` accepts only the names of the upstreams beside it, filters
 * only their own options. `Filters` is the type of the list of filters that there are.
 */
export interface DefineConfig<Filters extends FilterSchemas = FilterSchemas> {
  // One signature and not two: an error is then shown where it is, not as "no overload matches".
  <
    const Name extends string,
    Written extends ConfigInput<Filters, Name> | MakeConfig<Filters, Name>,
  >(
    config: Written & (ConfigInput<Filters, Name> | MakeConfig<Filters, Name>),
  ): Written;
}

/** A configuration that is made from the environment, possibly after some waiting. */
export type MakeConfig<Filters extends FilterSchemas, Name extends string> = (
  environment: Environment,
) => ConfigInput<Filters, Name> | Promise<ConfigInput<Filters, Name>>;

/** Returns its argument, which the compiler has checked. */
export const defineConfig: DefineConfig = <T>(config: T): T => config;
