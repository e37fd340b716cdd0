const MAPPED = "::ffff:";

/** Writes the IPv4 peer of a dual-stack socket (`::ffff:192.0.2.1`, RFC 4291 §2.5.5.2) as IPv4; nothing as "". */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return "";
  return address.startsWith(MAPPED) && address.includes(".")
    ? address.slice(MAPPED.length)
    : address;
}
