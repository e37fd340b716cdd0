import type { Libc } from "./libc.ts";

/** Words of 8 bytes of `uv_loop_t` (`uv.h`, `uv/unix.h`) that are read; the layout is fixed for libuv's major version 1. */
const LOOP_WORDS = 13;
const BACKEND_FD = 8;
const WATCHER_QUEUE = 11;

/**
 * Node's own loop of this thread, as seen by somebody who waits in its place.
 *
 * SAFETY: the loop lives as long as its thread, so the view is valid for as long as this thread runs. It is only
 * read. That the layout is the known one is checked when it is opened: the descriptor in it is the one that
 * libuv reports, and libuv's public structures do not change within a major version.
 */
export class NodeLoop {
  /** The descriptor that is readable when the loop has something to do for its own descriptors (libuv's epoll). */
  readonly fd: number;
  readonly #loop: number;
  readonly #words: BigUint64Array;
  readonly #emptyWatchers: bigint;
  readonly #backendTimeout: (loop: number) => number;
  readonly #updateTime: (loop: number) => void;

  /** @throws Error when this Node.js does not show its loop */
  constructor(libc: Libc) {
    const open = libc.function("int napi_get_uv_event_loop(void*, _Out_ uintptr_t*)") as (
      environment: unknown,
      into: number[],
    ) => number;
    const into = [0];
    if (open(libc.environment, into) !== 0) throw new Error("Node.js does not tell its event loop");
    this.#loop = Number(into[0]);
    const ofLoop = (definition: string): ((loop: number) => number) =>
      libc.function(definition) as (loop: number) => number;
    const backendFd = ofLoop("int uv_backend_fd(uintptr_t)");
    const version = libc.function("unsigned int uv_version()") as () => number;
    this.#backendTimeout = ofLoop("int uv_backend_timeout(uintptr_t)");
    this.#updateTime = ofLoop("void uv_update_time(uintptr_t)");
    this.fd = backendFd(this.#loop);
    this.#words = new BigUint64Array(libc.view(this.#loop, LOOP_WORDS * 8));
    const address = BigInt(this.#loop);
    this.#emptyWatchers = address + BigInt(WATCHER_QUEUE * 8);
    const known = Number(BigInt.asUintN(32, this.#words[BACKEND_FD]!)) === this.fd;
    if (version() >>> 16 !== 1 || !known || this.fd < 0) {
      throw new Error("Node's event loop is laid out in another way than is known here");
    }
  }

  /** How long the loop would wait by itself: 0 when it has something to do now, Infinity without timers. In ms. */
  timeout(): number {
    // Descriptors that it was asked to watch since it last ran are not in its epoll yet.
    if (this.#words[WATCHER_QUEUE] !== this.#emptyWatchers) return 0;
    // Otherwise it would count from when it last ran.
    this.#updateTime(this.#loop);
    const timeout = this.#backendTimeout(this.#loop);
    return timeout < 0 ? Infinity : timeout;
  }
}
