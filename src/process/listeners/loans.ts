import * as fs from "node:fs";
import { devNull } from "node:os";
import type { RawHandle } from "./copier.ts";

/**
 * Descriptors that were made here and are used by workers.
 *
 * Node has no way to let go of a descriptor without closing it: the handle that it arrived in stays in this
 * thread, while a worker opens the number and, sooner or later, closes it; then the number may become another's
 * socket. So a handle is closed only while its number is certain to be ours.
 */
export class Loans {
  /** Handles and the identities of their sockets, the oldest first. */
  readonly #handles: Map<RawHandle, number> = new Map();

  /** How many handles are kept. */
  get size(): number {
    return this.#handles.size;
  }

  /** Takes a handle whose number is handed to a worker. */
  add(handle: RawHandle): void {
    this.#handles.set(handle, inodeOf(handle.fd));
  }

  /**
   * Takes back a number that no worker has opened, or whose worker is gone. It is closed if it still is a descriptor
   * of the socket that was lent; if not, the worker has closed it, and it may be anything by now.
   */
  giveBack(fd: number): void {
    // The newest with that number: the others had it before.
    const loan = [...this.#handles].findLast(([handle]) => handle.fd === fd);
    if (loan === undefined || inodeOf(fd) !== loan[1]) return;
    this.#close(loan[0]);
  }

  /**
   * Closes the handles whose workers have closed the number. A file that is opened now gets the lowest free
   * number; if that is a handle's, the worker is done with it, nobody else has it, and closing the handle closes
   * the file just opened and nothing else.
   */
  reclaim(): void {
    while (this.#handles.size > 0) {
      const fd = fs.openSync(devNull, "r");
      const handle = [...this.#handles.keys()].find((each) => each.fd === fd);
      if (handle === undefined) {
        fs.closeSync(fd);
        return;
      }
      this.#close(handle);
    }
  }

  #close(handle: RawHandle): void {
    this.#handles.delete(handle);
    handle.close();
  }
}

/** The identity of an open socket; 0 if the number is not open. */
export function inodeOf(fd: number): number {
  try {
    return fs.fstatSync(fd).ino;
  } catch {
    return 0;
  }
}
