import type { ListenAddress } from "./address.ts";
import { writeAddress } from "./address.ts";
import { describeOwner } from "./owner.ts";

/** An address that cannot be listened on. The message says why, and what helps. */
export class ListenError extends Error {
  override readonly name = "ListenError";
  /** The system's name for it, such as `EADDRINUSE`. */
  readonly code: string;
  readonly address: ListenAddress;

  constructor(code: string, address: ListenAddress, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
    this.address = address;
  }
}

/** Explains an error of the system. */
export function listenErrorOf(error: unknown, address: ListenAddress): ListenError {
  if (error instanceof ListenError) return error;
  const code = (error as NodeJS.ErrnoException).code ?? "UNKNOWN";
  return new ListenError(code, address, explain(code, address, error), error);
}

function explain(code: string, address: ListenAddress, error: unknown): string {
  const written = writeAddress(address);
  switch (code) {
    case "EADDRINUSE": {
      const owner = describeOwner(address) ?? "another process";
      return `${written} is in use by ${owner}. Stop it, or listen on another address.`;
    }
    case "EACCES":
      return address.kind === "tcp"
        ? `${written}: this user may not use the port. Take one from 1024 up, allow it with ` +
            "`setcap cap_net_bind_service=+ep` on the node binary, or let the service manager pass the socket."
        : `${written}: this user may not create the socket there. Choose a folder that it can write to.`;
    case "EADDRNOTAVAIL":
      return `${written}: no network interface has this address. Listen on an address of this machine, or on all.`;
    case "EAFNOSUPPORT":
      return `${written}: this machine has no such kind of address. Listen on one of the other kind (IPv4, IPv6).`;
    case "ENOENT":
      return `${written}: the folder does not exist. Create it, or choose another path.`;
    case "ENAMETOOLONG":
      return `${written}: the path is too long for a socket. Choose a shorter one.`;
    case "EMFILE":
    case "ENFILE":
      return `${written}: no file descriptors are left. Raise the limit (\`ulimit -n\`).`;
    default:
      return `${written}: ${error instanceof Error ? error.message : String(error)}`;
  }
}
