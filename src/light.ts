/**
 * What the specifier `sluice` means to a TypeScript configuration: enough to write one and its filters, without the
 * process around them. Workers import it too, so nothing heavy may be reached from here.
 */

export * from "#sdk/index.ts";
/** Returns its argument. What the compiler knows of it is in `index.ts`, whose types a configuration sees. */
export { defineConfig } from "#config/define.ts";

/** A configuration only describes a proxy. @throws always */
export function createProxy(): never {
  throw new Error("createProxy cannot be called by a configuration: it only describes a proxy");
}
