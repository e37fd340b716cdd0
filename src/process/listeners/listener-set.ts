/**
 * The listening sockets of the process. They belong to the control thread, which never accepts from them, and
 * live through reloads and the end of any worker.
 *
 * What was measured on Linux, and what follows from it:
 *
 * - The queue of connections belongs to the socket, not to a descriptor: as long as one descriptor is open nothing
 *   is lost. So the control thread keeps one.
 * - Two threads cannot accept through one number: each loop watches it, and whoever ends first closes it under
 *   the other. So every worker gets a number of its own, made by {@link Copier}.
 * - A thread that ends, also by `terminate()`, closes the descriptors that it has opened. So the control thread never
 *   closes a number that a worker has opened, see {@link Loans}.
 */

import process from "node:process";
import { type ListenAddress, sameAddress, urlOf } from "./address.ts";
import { Copier, type RawHandle } from "./copier.ts";
import { ListenError, listenErrorOf } from "./error.ts";
import { inheritedSockets } from "./inherited.ts";
import { Loans } from "./loans.ts";
import { type BoundSocket, bind, takeOver } from "./socket.ts";
import { remove } from "./unix-path.ts";

/** Permissions of a unix socket: whoever may enter its folder may connect. */
const MODE = 0o666;

/** An address to listen on, as the configuration has it. */
export interface WantedListener {
  /** Its identity across reloads. */
  readonly id: string;
  readonly address: ListenAddress;
}

/** A socket that the service manager has passed. */
export interface AdoptedSocket {
  readonly name: string;
  readonly address: ListenAddress;
}

/** The listening sockets of the process; see the head of the file. */
export class ListenerSet {
  /** Whether several workers can accept from one address; where not, there is to be one worker, which binds it. */
  readonly canShare: boolean = process.platform !== "win32";

  readonly #mode: number;
  readonly #copier: Copier = new Copier();
  readonly #loans: Loans = new Loans();
  readonly #sockets: Map<string, BoundSocket> = new Map();
  /** Passed by the service manager and not asked for yet. */
  #adopted: BoundSocket[] = [];

  /** `mode`: permissions of unix sockets. */
  constructor(options: { readonly mode?: number } = {}) {
    this.#mode = options.mode ?? MODE;
  }

  /** Process id of the helper that copies descriptors, while it runs. */
  get helper(): number | undefined {
    return this.#copier.pid;
  }

  /** How many duplicates are out: at most as many as workers have open, and those not yet found to be closed. */
  get lent(): number {
    return this.#loans.size;
  }

  /** Says that addresses will be opened soon: what that takes a while for is begun. */
  warm(): void {
    if (this.canShare) this.#copier.warm();
  }

  /**
   * Binds and listens on those that are not open yet. From now on clients can connect; they wait until a worker
   * accepts. All or none: if one fails, those opened by this call are closed again.
   *
   * @returns why not, who is in the way and what helps; null if all are open.
   */
  async open(wanted: readonly WantedListener[]): Promise<string | null> {
    const opened: string[] = [];
    for (const { id, address } of wanted) {
      if (this.#sockets.has(id)) continue;
      try {
        this.#sockets.set(id, await this.#obtain(address));
        opened.push(id);
      } catch (error) {
        for (const each of opened) this.#let(each);
        return listenErrorOf(error, address).message;
      }
    }
    return null;
  }

  /**
   * Lets go of all but these. A socket closes when the workers have closed theirs too, so whoever waits in its queue
   * can still be accepted by them. The path of a unix socket is removed at once.
   */
  async keep(wanted: readonly { readonly id: string }[]): Promise<void> {
    for (const id of this.#sockets.keys()) {
      if (!wanted.some((each) => each.id === id)) this.#let(id);
    }
  }

  /**
   * A descriptor of a listener for one worker alone, which owns it as soon as it listens on it.
   *
   * @throws Error if there is no such listener, or the platform cannot share.
   */
  async duplicate(id: string): Promise<number> {
    this.#loans.reclaim();
    let copy: RawHandle;
    try {
      copy = await this.#copy(id);
    } catch (error) {
      if (!this.#sockets.has(id)) throw error;
      // The helper may have been ended from outside.
      copy = await this.#copy(id);
    }
    this.#loans.add(copy);
    return copy.fd;
  }

  /**
   * Takes back a number that its worker has not opened, or may not have opened before it ended. Never for a worker
   * that runs and knows the number, and not after another duplicate was made: the number may be that one's by then.
   */
  giveBack(fd: number): void {
    this.#loans.giveBack(fd);
  }

  /** Where connections are accepted: as configured, and as it is, with the real port. */
  addresses(): { readonly configured: string; readonly url: string }[] {
    return Array.from(this.#sockets, ([configured, { address }]) => ({
      configured,
      url: urlOf(address),
    }));
  }

  /** The address that a listener is really bound to. */
  addressOf(id: string): ListenAddress | undefined {
    return this.#sockets.get(id)?.address;
  }

  /**
   * Takes over the sockets that the service manager has opened for this process (systemd: `LISTEN_PID`, `LISTEN_FDS`,
   * `LISTEN_FDNAMES`). Whoever opens one of their addresses later gets that socket.
   *
   * @param environment the variables of the process.
   * @throws ListenError for a descriptor that is no listening stream socket.
   */
  async adopt(
    environment: Readonly<Record<string, string | undefined>>,
    pid: number = process.pid,
  ): Promise<AdoptedSocket[]> {
    const adopted: AdoptedSocket[] = [];
    for (const { fd, name } of inheritedSockets(environment, pid)) {
      try {
        const socket = await takeOver(fd, this.#copier);
        this.#adopted.push(socket);
        adopted.push({ name, address: socket.address });
      } catch (error) {
        const message = `the inherited descriptor ${fd} (${name}) is no listening stream socket. Correct the socket unit.`;
        throw new ListenError("EINVAL", { kind: "unix", path: "" }, message, error);
      }
    }
    return adopted;
  }

  /** Lets go of all of them, and of what was adopted and never used. */
  async close(): Promise<void> {
    await this.keep([]);
    for (const socket of this.#adopted) socket.handle?.close();
    this.#adopted = [];
    this.#copier.stop();
  }

  async #obtain(address: ListenAddress): Promise<BoundSocket> {
    const adopted = this.#adopted.find((socket) => sameAddress(socket.address, address));
    if (adopted === undefined)
      return bind(address, this.canShare ? this.#copier : null, this.#mode);
    this.#adopted = this.#adopted.filter((socket) => socket !== adopted);
    return adopted;
  }

  #copy(id: string): Promise<RawHandle> {
    return this.#copier.use((copy) => {
      const handle = this.#sockets.get(id)?.handle ?? null;
      if (handle === null) throw new Error(`there is no listener ${id} that could be shared`);
      return copy(handle);
    });
  }

  #let(id: string): void {
    const socket = this.#sockets.get(id);
    this.#sockets.delete(id);
    if (socket === undefined) return;
    if (socket.path !== null) remove(socket.path.name, socket.path.inode);
    socket.handle?.close();
    this.#loans.reclaim();
  }
}
