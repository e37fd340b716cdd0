/** Reading configurations for the process: to run them, to check them, to explain what they do with a request. */

import { randomBytes } from "node:crypto";

import type { ConfigOrigin } from "#config/load.ts";
import { type BrokenConfig, ConfigReader, type ReadConfig } from "#control/apply/read.ts";
import { Rows } from "#control/rows.ts";
import type { DescribedRequest } from "#explain/request.ts";
import { FILTERS } from "#filters/runtime.ts";
import { FILTER_SCHEMAS } from "#filters/schemas.ts";
import { systemScheduler } from "#process/scheduler.ts";
import type { ConfigSource, ProxyOptions } from "./api.ts";

/** What commands need that read a configuration and do not run it. */
export interface ReadingOptions extends Required<
  Pick<ProxyOptions, "directory" | "environment" | "color">
> {
  readonly source: ConfigSource;
}

/**
 * Reads and checks a configuration without running it.
 *
 * @param wall epoch milliseconds: given, the certificates of listeners are read too; null: only named
 */
export async function checkConfig(
  options: ReadingOptions,
  wall: (() => number) | null = null,
): Promise<{ readonly ok: boolean; readonly text: string; readonly summary: string }> {
  const read = await readOnce(options);
  if (!read.ok) return { ok: false, text: read.text, summary: "" };
  if (wall !== null && read.snapshot.certificates.length > 0) {
    const { checkCertificates } = await import("./checking.ts");
    const { ok, text } = await checkCertificates(read, wall, options.color);
    if (!ok) return { ok, text: `${read.text}${text}`, summary: "" };
    if (text !== "") return { ok, text: `${read.text}${text}`, summary: summaryOf(read) };
  }
  return { ok: true, text: read.text, summary: summaryOf(read) };
}

function summaryOf({ config, sources }: ReadConfig): string {
  const { routes, upstreams } = config;
  return `${sources.file} is right: ${count(routes, "route")}, ${count(upstreams, "upstream")}`;
}

/** What would happen to a request, for people. `ok: false`: the text says what is wrong, with what. */
export async function explainRequest(
  options: ReadingOptions,
  request: DescribedRequest,
): Promise<{ readonly ok: boolean; readonly text: string }> {
  const read = await readOnce(options);
  if (!read.ok) return { ok: false, text: read.text };
  const { explain } = await import("./explain.ts");
  const { renderExplanation } = await import("#explain/text.ts");
  const { config, snapshot, sources } = read;
  const explained = await explain({ config, snapshot, sources, filters: FILTERS, request });
  if (!explained.ok) return { ok: false, text: `${explained.message}: ${explained.hint}\n` };
  return { ok: true, text: renderExplanation(explained.value, { color: options.color }) };
}

/** Reads a configuration that nobody runs. */
export function readOnce(options: ReadingOptions): Promise<ReadConfig | BrokenConfig> {
  const reader = readerFor({ ...options, accessLog: "json" }, new Rows(systemScheduler.now));
  return reader.read(originOf(options.source));
}

/** Reads configurations whose rows of shared memory are handed out by `rows`. */
export function readerFor(
  options: Omit<ReadingOptions, "source"> & {
    readonly accessLog: NonNullable<ProxyOptions["accessLog"]>;
  },
  rows: Rows,
): ConfigReader {
  const { directory, environment, color, accessLog } = options;
  return new ConfigReader({
    directory,
    environment,
    color,
    accessLog,
    slots: rows.slots,
    aliases: ALIASES,
    filters: FILTER_SCHEMAS,
    instance: `sluice-${randomBytes(4).toString("hex")}`,
  });
}

function count(list: readonly unknown[], word: string): string {
  return `${list.length} ${word}${list.length === 1 ? "" : "s"}`;
}

/** What the readers make of a source. */
export function originOf(source: ConfigSource): ConfigOrigin {
  if ("configFile" in source) return { kind: "file", path: source.configFile };
  if ("to" in source) return { kind: "arguments", form: source };
  return { kind: "object", value: source };
}

/** A file beside this one, as source or as built. */
export function sibling(name: string): URL {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return new URL(`./${name}.${extension}`, import.meta.url);
}

/** What bare specifiers of a TypeScript configuration stand for. */
export const ALIASES: Readonly<Record<string, string>> = {
  sluice: sibling("light").href,
  "sluice/sdk": sibling("sdk/index").href,
};
