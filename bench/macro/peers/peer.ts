/** What is compared: proxies that are started on the same backend. */

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "../../../test/harness/requires.ts";
import type { TlsFiles } from "../machine/certificates.ts";
import type { Running } from "../machine/launch.ts";

/** How a peer is started. */
export interface StartOptions {
  readonly backendPort: number;
  /** Event loops: worker processes or threads. */
  readonly workers: number;
  /** Writes an access log in JSON, a line for each request, to the file `access.log` of its folder. */
  readonly accessLog: boolean;
  /** Routes `/service-0/` to `/service-(n-1)/` in front of the one for everything else. */
  readonly routes: number;
  /** What TLS is spoken with to clients; undefined: none is. */
  readonly tls: TlsFiles | undefined;
  /** An empty folder for its files. */
  readonly folder: string;
}

/** A proxy that can be measured. */
export interface Peer {
  readonly name: string;
  /** Its code is compiled while it runs, so that it takes some ten thousand requests to be what it will be. */
  readonly isCompiledLate: boolean;
  /** The reason why it cannot run on this machine, or undefined when it can. */
  absent(): string | undefined;
  /** Name and version of the program; call it only when it is there. */
  version(): string;
  start(options: StartOptions): Promise<Running>;
}

/** The reason for a missing program, for {@link Peer.absent}. */
export function absentProgram(name: string): string | undefined {
  return findProgram(name) === undefined ? `${name} is not installed` : undefined;
}

/** The first match of `pattern` in what a program prints about itself, on either stream. */
export function printedVersion(name: string, args: readonly string[], pattern: RegExp): string {
  const program = findProgram(name) ?? name;
  // Some print it on standard error, and some end with a failure.
  const text = execFileSync("/bin/sh", ["-c", `"$0" "$@" 2>&1; true`, program, ...args], {
    encoding: "utf8",
  });
  return pattern.exec(text)?.[1] ?? "unknown";
}

/** The version of an npm package that is installed in this project. */
export function packageVersion(name: string): string {
  const file = join(import.meta.dirname, "../../../node_modules", name, "package.json");
  return (JSON.parse(readFileSync(file, "utf8")) as { readonly version: string }).version;
}
