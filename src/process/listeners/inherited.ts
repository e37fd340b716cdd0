/** The first descriptor that a service manager passes (systemd: `SD_LISTEN_FDS_START`). */
const FIRST = 3;
/** More than this is a mistake. */
const MOST = 1024;

/** A socket that was open when the process began. */
export interface InheritedSocket {
  readonly fd: number;
  /** From `LISTEN_FDNAMES`; "unknown" without. */
  readonly name: string;
}

/**
 * Which descriptors the service manager has passed to the process `pid`, by the protocol of `sd_listen_fds(3)`.
 * Variables that are meant for another process are ignored.
 */
export function inheritedSockets(
  environment: Readonly<Record<string, string | undefined>>,
  pid: number,
): InheritedSocket[] {
  const { LISTEN_PID: target, LISTEN_FDS: number = "", LISTEN_FDNAMES: names } = environment;
  if (target !== String(pid) || !/^\d{1,4}$/.test(number)) return [];
  const count = Math.min(Number(number), MOST);
  const named = names?.split(":") ?? [];
  return Array.from({ length: count }, (_, i) => ({ fd: FIRST + i, name: named[i] ?? "unknown" }));
}
