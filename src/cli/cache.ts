/** `sluice cache`: asks the running instance about its cache, and lets it forget. */

import {
  type ControlRequest,
  type PurgeWish,
  askControl,
  controlPath,
} from "#process/control-socket.ts";
import { type SourceOptions, instanceName } from "./options.ts";
import { controlPlace } from "./run.ts";
import type { Terminal } from "./terminal.ts";

/** What is to be forgotten. */
export interface PurgeOptions extends SourceOptions {
  readonly prefix?: string;
  readonly tag?: string;
  readonly all?: boolean;
}

/** `sluice cache purge`. @returns the exit code: 0 when it is done */
export async function purge(
  terminal: Terminal,
  url: string | undefined,
  options: PurgeOptions,
): Promise<number> {
  const wishes = wishesOf(url, options);
  if (wishes.length !== 1) {
    terminal.err("say what to forget: a URL, or one of --prefix, --tag and --all\n");
    return 1;
  }
  const what = wishes[0]!;
  const written = what.kind === "url" ? what.url : what.kind === "prefix" ? what.prefix : null;
  if (written !== null && !/^https?:\/\/[^/]/.test(written)) {
    terminal.err(
      `\`${written}\` is no URL: write it as clients do, \`https://example.com/path\`\n`,
    );
    return 1;
  }
  return tell(terminal, options, { command: "purge", what });
}

function wishesOf(url: string | undefined, { prefix, tag, all }: PurgeOptions): PurgeWish[] {
  const wishes: PurgeWish[] = [];
  if (url !== undefined) wishes.push({ kind: "url", url: plain(url) });
  if (prefix !== undefined) wishes.push({ kind: "prefix", prefix: plain(prefix) });
  if (tag !== undefined) wishes.push({ kind: "tag", tag });
  if (all === true) wishes.push({ kind: "all" });
  return wishes;
}

/** Host in lower case, and a path: as clients send it. */
function plain(url: string): string {
  const parts = /^(https?:\/\/[^/?#]*)([^#]*)/i.exec(url);
  if (parts === null) return url;
  const [, origin = "", rest = ""] = parts;
  return origin.toLowerCase() + (rest.startsWith("/") ? rest : `/${rest}`);
}

/** `sluice cache stats`. @returns the exit code */
export async function stats(terminal: Terminal, options: SourceOptions): Promise<number> {
  return tell(terminal, options, { command: "cache" });
}

async function tell(
  terminal: Terminal,
  options: SourceOptions,
  request: ControlRequest,
): Promise<number> {
  const name = await instanceName(options, terminal.directory);
  const answer =
    name === null ? null : await askControl(controlPath(controlPlace(terminal), name), request);
  if (answer === null) {
    terminal.err("no instance is running (of this user): name its configuration with -c FILE\n");
    return 1;
  }
  if (!answer.ok) {
    terminal.err(`${answer.message}\n`);
    return 1;
  }
  const { details } = answer;
  if (typeof details === "object" && details !== null) {
    for (const [key, value] of Object.entries(details)) terminal.out(`${key} ${value}\n`);
  } else {
    terminal.out(`${answer.message}\n`);
  }
  return 0;
}
