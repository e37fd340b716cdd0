import { readFileSync } from "node:fs";

/** Version of this package, as in its package.json. */
export function packageVersion(): string {
  // By its own name, because built code lies elsewhere than its source.
  const file = new URL(import.meta.resolve("sluice/package.json"));
  const manifest: unknown = JSON.parse(readFileSync(file, "utf8"));
  return typeof manifest === "object" &&
    manifest !== null &&
    "version" in manifest &&
    typeof manifest.version === "string"
    ? manifest.version
    : "unknown";
}
