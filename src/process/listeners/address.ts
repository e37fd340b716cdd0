/** Where a listener listens. `host` "" means every address, IPv6 and IPv4; port 0 any free port. */
export type ListenAddress =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/** An address as people write it: `127.0.0.1:80`, `[::1]:80`, `:80`, `unix:/run/x.sock`. */
export function writeAddress(address: ListenAddress): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}

/** Whether two addresses are the same socket address, however "every address" is written. */
export function sameAddress(one: ListenAddress, other: ListenAddress): boolean {
  if (one.kind === "unix") return other.kind === "unix" && one.path === other.path;
  return other.kind === "tcp" && one.port === other.port && hostOf(one) === hostOf(other);
}

/** The address to bind for a host; "" is every address. */
export function hostOf(address: { readonly host: string }): string {
  return address.host === "" ? "::" : address.host;
}

/** Where a unix socket for `path` is bound, before it is moved there. */
export function temporaryPath(path: string): string {
  return `${path}~`;
}

/** A URL that reaches the address from this machine. */
export function urlOf(address: ListenAddress): string {
  if (address.kind === "unix") return writeAddress(address);
  const host = hostOf(address);
  const local = host === "::" ? "localhost" : host === "0.0.0.0" ? "127.0.0.1" : host;
  return `http://${writeAddress({ ...address, host: local })}`;
}
