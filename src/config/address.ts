/**
 * Addresses to listen on and to connect to, as people write them.
 */
import { domainToASCII } from "node:url";
import type { Parsed } from "#core/units.ts";
import { formatIp, parseIp } from "#core/collections/ip.ts";
import type { EndpointAddress, EndpointConfig, ListenAddress } from "./types.ts";

const LISTEN_HINT = "for example `:8080`, `127.0.0.1:8080`, `[::1]:8080`, `unix:/run/sluice.sock`";
const ENDPOINT_HINT =
  "for example `http://localhost:3000`, `localhost:3000`, `:3000`, `unix:/run/app.sock`";

/** Longest path of a unix socket that every platform takes (sockaddr_un, with its final NUL). */
const UNIX_PATH_MAX = 103;

/** A listen address with its canonical form. */
export interface WrittenAddress {
  readonly address: ListenAddress;
  readonly text: string;
}

type Failure = Extract<Parsed<never>, { ok: false }>;

/** Reads `:8080`, `8080`, `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`, `unix:/run/sluice.sock`. */
export function parseListenAddress(text: string): Parsed<WrittenAddress> {
  if (text.startsWith("unix:")) {
    const path = parseUnixPath(text, LISTEN_HINT);
    if (!path.ok) return path;
    return { ok: true, value: { address: { kind: "unix", path: path.value }, text } };
  }
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[0];
  if (scheme?.toLowerCase() === "https://") {
    return failure(
      "a listen address has no scheme",
      `write \`{ address: "${text.slice("https://".length)}", tls: local }\`, or \`tls\` with the files of a certificate`,
    );
  }
  if (scheme !== undefined) {
    return failure(`a listen address has no scheme`, `write \`${text.slice(scheme.length)}\``);
  }
  const split = splitHostPort(text, LISTEN_HINT);
  if (!split.ok) return split;
  const { host, port } = split.value;
  if (port === null) {
    return failure(`\`${text}\` has no port`, LISTEN_HINT);
  }
  const all = host === "" || host === "*";
  const address: ListenAddress = { kind: "tcp", host: all ? "" : host, port };
  return { ok: true, value: { address, text: all ? `:${port}` : hostPort(host, port) } };
}

/**
 * Reads `http://host:port`, `https://host`, `host:port`, `:3000` and `3000` (both on localhost), `unix:/path`. The weight of the result
 * is 1.
 */
export function parseEndpoint(text: string): Parsed<EndpointConfig> {
  if (text.startsWith("unix:")) {
    const path = parseUnixPath(text, ENDPOINT_HINT);
    if (!path.ok) return path;
    return { ok: true, value: endpoint({ kind: "unix", path: path.value }, false) };
  }
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  const rest = scheme === undefined ? text : text.slice(scheme.length + 3);
  const secure = scheme === "https";
  if (scheme !== undefined && scheme !== "http" && !secure) return unusableScheme(scheme, rest);
  const extra = /[/?#@]/.exec(rest);
  if (extra !== null && rest !== `${rest.slice(0, extra.index)}/`) {
    return extraParts(text, rest, extra[0], extra.index);
  }
  const split = splitHostPort(rest.replace(/\/$/, ""), ENDPOINT_HINT);
  if (!split.ok) return split;
  const { host, port } = split.value;
  if (port === null && scheme === undefined) {
    return failure(`\`${text}\` has no port`, `write \`${text}:80\`, or \`http://${text}\``);
  }
  if (scheme !== undefined && host === "") {
    return failure(`\`${text}\` has no host`, ENDPOINT_HINT);
  }
  if (port === 0) return failure("a backend cannot have port 0", ENDPOINT_HINT);
  const address: EndpointAddress = {
    kind: "tcp",
    host: host === "" ? "localhost" : host,
    port: port ?? (secure ? 443 : 80),
  };
  return { ok: true, value: endpoint(address, secure) };
}

/** A host as it is compared: lower case, ASCII form, IPv6 without brackets; undefined when it is none. */
export function parseHost(text: string): string | undefined {
  if (text.startsWith("[")) {
    return text.endsWith("]") ? canonicalIpv6(text.slice(1, -1)) : undefined;
  }
  // What ends in a number is an address or nothing: `10.0.0.256` must not become a name.
  if (/(?:^|\.)\d+\.?$/.test(text)) return parseIp(text, words) === 4 ? text : undefined;
  return parseName(text);
}

/** Also of an IPv4-mapped address, which stays an IPv6 literal here: it is compared with what clients write. */
function canonicalIpv6(text: string): string | undefined {
  if (!text.includes(":") || parseIp(text, words) === 0) return undefined;
  return formatIp(words, 6);
}

const words = new Uint32Array(4);

function parseName(text: string): string | undefined {
  const ascii = /^[\u0021-\u007e]*$/.test(text) ? text.toLowerCase() : domainToASCII(text);
  const name = ascii.endsWith(".") ? ascii.slice(0, -1) : ascii;
  if (name.length === 0 || name.length > 253) return undefined;
  // An underscore is no letter of a host name, but container networks use it.
  const label = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
  return name.split(".").every((part) => label.test(part)) ? name : undefined;
}

function splitHostPort(text: string, hint: string): Parsed<{ host: string; port: number | null }> {
  if (text.includes(":") && canonicalIpv6(text) !== undefined) {
    return failure("an IPv6 address stands in brackets", `write \`[${text}]:8080\``);
  }
  const bare = /^\d+$/.test(text) ? `:${text}` : text;
  const parts = /^(\[[^\]]*\]|[^:[\]]*)(?::(.*))?$/.exec(bare);
  if (parts === null) return failure(`\`${text}\` is not an address`, hint);
  const [, written = "", portText] = parts;
  let port: number | null = null;
  if (portText !== undefined) {
    port = /^\d{1,5}$/.test(portText) ? Number(portText) : -1;
    if (port < 0 || port > 65_535) {
      return failure(`\`${portText}\` is not a port`, "a port is a number from 1 to 65535");
    }
  }
  if (written === "" || written === "*") return { ok: true, value: { host: written, port } };
  const host = parseHost(written);
  if (host === undefined) {
    return failure(`\`${written}\` is neither a host name nor an address`, hint);
  }
  return { ok: true, value: { host, port } };
}

function parseUnixPath(text: string, hint: string): Parsed<string> {
  const path = text.slice("unix:".length);
  if (path === "" || path.includes("\0")) return failure(`\`${text}\` names no socket`, hint);
  if (path.startsWith("//")) {
    return failure(
      `\`${text}\` has slashes too many`,
      `write \`unix:${path.replace(/^\/+/, "/")}\``,
    );
  }
  if (new TextEncoder().encode(path).length > UNIX_PATH_MAX) {
    return failure(
      `the path of a unix socket has at most ${UNIX_PATH_MAX} bytes`,
      "use a shorter folder, such as /run",
    );
  }
  return { ok: true, value: path };
}

function unusableScheme(scheme: string, rest: string): Failure {
  if (scheme === "h2c" || scheme === "grpc") {
    return failure(
      "HTTP/2 to backends is not part of this version yet",
      `use \`http://${rest}\` if the backend also speaks HTTP/1.1`,
    );
  }
  if (scheme === "ws" || scheme === "wss") {
    const plain = scheme === "ws" ? "http" : "https";
    return failure(
      `a WebSocket backend is written with ${plain}://, upgrades pass by themselves`,
      `write \`${plain}://${rest}\``,
    );
  }
  return failure(`\`${scheme}://\` is not a scheme for a backend`, ENDPOINT_HINT);
}

function extraParts(text: string, rest: string, mark: string, index: number): Failure {
  if (mark === "@") {
    return failure(
      "an endpoint cannot hold a user name and password",
      "send them with a filter that sets the `authorization` header",
    );
  }
  const base = text.slice(0, text.length - rest.length + index);
  const path = rest.slice(index);
  const hint =
    mark === "/"
      ? `write \`${base}\`, and \`addPrefix: ${path.replace(/[?#].*$/, "").replace(/\/$/, "")}\` under the route's \`use\``
      : `write \`${base}\``;
  return failure(`an endpoint is an address only, without \`${path}\``, hint);
}

function endpoint(address: EndpointAddress, secure: boolean): EndpointConfig {
  if (address.kind === "unix") {
    const url = `unix:${address.path}`;
    return { address, url, authority: "localhost", weight: 1, secure };
  }
  const full = hostPort(address.host, address.port);
  return {
    address,
    url: `${secure ? "https" : "http"}://${full}`,
    authority: address.port === (secure ? 443 : 80) ? hostPort(address.host, null) : full,
    weight: 1,
    secure,
  };
}

function hostPort(host: string, port: number | null): string {
  const name = host.includes(":") ? `[${host}]` : host;
  return port === null ? name : `${name}:${port}`;
}

function failure(message: string, hint: string): Failure {
  return { ok: false, message, hint };
}
