/** Options that several commands share, and what they mean. */

import { resolve } from "node:path";

import { InvalidArgumentError } from "commander";

import type { ShortForm } from "#config/arguments.ts";
import { findConfig } from "#config/read.ts";

/** Where the configuration is: `-c FILE`, or the short form. */
export interface SourceOptions {
  readonly config?: string;
  readonly to?: readonly string[];
  readonly listen?: readonly string[];
  readonly domain?: readonly string[];
  readonly data?: string;
}

/** For options that may be given several times. */
export function collect(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value];
}

/** `name: value` as of `curl -H`. */
export function collectHeader(
  text: string,
  previous: readonly (readonly [string, string])[] = [],
): readonly (readonly [string, string])[] {
  const colon = text.indexOf(":");
  if (colon <= 0) throw new InvalidArgumentError("write it as 'name: value'.");
  return [...previous, [text.slice(0, colon).trim().toLowerCase(), text.slice(colon + 1).trim()]];
}

/** The short form of these options; null without `--to`. */
export function shortForm({ to, listen, domain }: SourceOptions): ShortForm | null {
  if (to === undefined) return null;
  return {
    to,
    ...(listen === undefined ? {} : { listen }),
    ...(domain === undefined ? {} : { domain }),
  };
}

/**
 * What an instance is known by to `sluice reload`: the absolute name of its file, or its listen addresses.
 * Null if there is neither.
 */
export async function instanceName(
  options: SourceOptions,
  directory: string,
): Promise<string | null> {
  if (options.config !== undefined) return resolve(directory, options.config);
  if (options.to !== undefined || options.listen !== undefined) {
    return (options.listen ?? [":8080"]).toSorted().join(" ");
  }
  return (await findConfig(directory)) ?? null;
}
