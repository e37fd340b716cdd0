import type { TransportFailure, TransportFailureCode } from "./contract.ts";

/** What each error of the system means. The same name can mean two things before and after the connection is up. */
const CODES: Readonly<Record<string, TransportFailureCode>> = {
  ECONNREFUSED: "refused",
  ENOENT: "refused",
  // A path that is no socket, and a unix socket whose backlog is full.
  ENOTSOCK: "refused",
  EAGAIN: "refused",
  ENETUNREACH: "unreachable",
  ENETDOWN: "unreachable",
  EHOSTUNREACH: "unreachable",
  EHOSTDOWN: "unreachable",
  EADDRNOTAVAIL: "unreachable",
  EAFNOSUPPORT: "unreachable",
  EPROTOTYPE: "unreachable",
  EINVAL: "unreachable",
  // A firewall, or the permissions of a unix socket.
  EACCES: "unreachable",
  EPERM: "unreachable",
  ECONNRESET: "reset",
  ECONNABORTED: "reset",
  EPIPE: "reset",
  ENOTCONN: "reset",
  ETIMEDOUT: "reset",
  EMFILE: "exhausted",
  ENFILE: "exhausted",
  ENOBUFS: "exhausted",
  ENOMEM: "exhausted",
};

/**
 * Translates an error of the system.
 *
 * @param detail its name, such as `ECONNRESET`
 * @param connecting whether the connection was not up yet: a timeout of the system is then a connect timeout,
 * while later it is a peer that vanished.
 */
export function failureOf(detail: string, connecting: boolean): TransportFailure {
  if (connecting && detail === "ETIMEDOUT") return { code: "connect-timeout", detail };
  return { code: CODES[detail] ?? "other", detail };
}

/** The name of an error that Node.js throws or emits. */
export function nameOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? error.message;
}
