/** Sluice as a user gets it: packed, and installed from its tarball without development dependencies. */

import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { plainEnvironment } from "./launch.ts";

/** The root of this checkout, whose `bin/sluice` runs the sources. */
export const checkout: string = join(import.meta.dirname, "../../..");

/** Packs and installs into `folder`; returns the root of the installed package. Replaces dist/ of the checkout. */
export function installPackage(folder: string): string {
  const home = join(folder, "application");
  mkdirSync(home, { recursive: true });
  const env = {
    ...plainEnvironment(),
    PATH: [dirname(process.execPath), process.env["PATH"]].join(delimiter),
  };
  const npm = (args: readonly string[], cwd: string): void => {
    execFileSync("npm", args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], timeout: 240_000 });
  };
  npm(["pack", "--silent", "--pack-destination", folder], checkout);
  const tarball = readdirSync(folder).find((file) => file.endsWith(".tgz"));
  if (tarball === undefined) throw new Error("npm pack has written no tarball");
  const flags = ["--omit=dev", "--no-audit", "--no-fund", "--prefer-offline"];
  npm(["install", ...flags, join(folder, tarball)], home);
  return join(home, "node_modules/sluice");
}
