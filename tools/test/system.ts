/** Debian packages that tests use, and how they get onto the machine. */

import { spawnSync } from "node:child_process";
import { findProgram } from "../../test/harness/requires.ts";

/** A package by the program that it brings. */
const packages: Readonly<Record<string, string>> = {
  ab: "apache2-utils",
  chromium: "chromium",
  curl: "curl",
  h2load: "nghttp2-client",
  nghttp: "nghttp2-client",
  nginx: "nginx-light",
  openssl: "openssl",
  pebble: "pebble",
  promtool: "prometheus",
  strace: "strace",
  testssl: "testssl.sh",
  wrk: "wrk",
};

/**
 * Installs what is missing when it may: as root, or with `sudo` when the user asks for it. Otherwise
 * prints the line to run. A failure is reported and is none of the suite: its tests skip by name.
 */
export function provideSystemPackages(useSudo: boolean): void {
  const wanted = Object.entries(packages)
    .filter(([program]) => findProgram(program) === undefined)
    .map(([, name]) => name);
  if (wanted.length === 0) return;

  const isRoot = process.getuid?.() === 0;
  const sudo = isRoot ? [] : ["sudo"];
  const update = [...sudo, "apt-get", "update"];
  const install = [...sudo, "apt-get", "install", "-y", "--no-install-recommends", ...wanted];
  const line = `${update.join(" ")} && ${install.join(" ")}`;

  if (findProgram("apt-get") === undefined) {
    process.stdout.write(`Some tests need: ${wanted.join(", ")} (names of Debian packages).\n`);
  } else if (!isRoot && !useSudo) {
    process.stdout.write(
      `Some tests need packages; to install them (or use --system):\n  ${line}\n`,
    );
  } else if (!run(update) || !run(install)) {
    process.stdout.write(`This has failed; the tests that need it will be skipped:\n  ${line}\n`);
  }
}

function run([program = "", ...args]: readonly string[]): boolean {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const done = spawnSync(program, args, { env, encoding: "utf8" });
  if (done.status !== 0) process.stdout.write(`${done.stdout ?? ""}${done.stderr ?? ""}`);
  return done.status === 0;
}
