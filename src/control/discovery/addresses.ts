/** The order in which the addresses of a name are tried. */

/** A numeric address as a resolver gives it. */
export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

/**
 * Alternates between the families, beginning with that of the resolver's first address (RFC 8305 section 4): a
 * host whose one family is broken costs one failed attempt and not all of that family's.
 */
export function interleave(resolved: readonly ResolvedAddress[]): string[] {
  const first = resolved[0]?.family;
  const preferred = resolved.filter(({ family }) => family === first);
  const other = resolved.filter(({ family }) => family !== first);
  const ordered: string[] = [];
  for (let i = 0; i < Math.max(preferred.length, other.length); i++) {
    for (const candidate of [preferred[i], other[i]]) {
      if (candidate !== undefined && !ordered.includes(candidate.address)) {
        ordered.push(candidate.address);
      }
    }
  }
  return ordered;
}
