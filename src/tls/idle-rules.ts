/** Rules of a listener for names that no certificate of it is made out to: nobody gets as far as them. */

import type { ListenerData } from "#model/snapshot.ts";
import type { CertificateData } from "#model/tls.ts";
import { NameTable } from "./serve/name-table.ts";

/** One sentence for each, with the option that it is about. */
export function idleRules(
  listeners: readonly ListenerData[],
  certificates: readonly Pick<CertificateData, "names" | "source">[],
): string[] {
  return listeners.flatMap(({ tls }, index) => {
    if (tls === null) return [];
    const own = certificates.filter(({ source }) => tls.sources.includes(source));
    // Without certificates there is an error to tell, or nothing is opened at all.
    if (own.length === 0) return [];
    const names = own.flatMap((one) => one.names);
    const table = new NameTable(names.map((name) => [name, name] as const));
    const isCovered = (name: string): boolean =>
      names.includes(name) ||
      (name.startsWith("*.")
        ? names.some((other) => other.slice(other.indexOf(".") + 1) === name.slice(2))
        : table.get(name) !== undefined);
    const place = `listen[${index}].tls`;
    const help = `there are certificates for ${names.slice(0, 5).join(", ")}${names.length > 5 ? " and others" : ""}`;
    const fallback =
      tls.fallback === null || isCovered(tls.fallback)
        ? []
        : [
            `${place}.default: no certificate is made out to ${tls.fallback}, so clients that send no server name are refused; ${help}`,
          ];
    const rules = tls.policyNames
      .filter(([name]) => !isCovered(name))
      .map(
        ([name]) =>
          `${place}.names["${name}"]: no certificate is made out to ${name}, so nobody connects by that name; ${help}`,
      );
    return [...fallback, ...rules];
  });
}
