import { createRequire } from "node:module";
import { getSystemErrorName } from "node:util";
import type * as Koffi from "koffi";

/** A call of C as koffi makes it: numbers in, a number out. */
type Call = (
  ...values: readonly (number | null | Uint8Array | Int32Array | Uint32Array)[]
) => number;

/** An error of the system, as a value: its number, positive. */
export function errorName(errno: number): string {
  return getSystemErrorName(-errno);
}

/**
 * The calls of C that the transport needs, each with the types that it really has. Everything that crosses from
 * JavaScript to native code crosses here.
 *
 * SAFETY: addresses that are passed as numbers come from {@link import("./mapping.ts").Mapping}, which checks that the
 * bytes lie within it. Typed arrays that are passed are read or written by the kernel before the call returns,
 * and their lengths are those of the structures of `layout.ts`; koffi hands over their address for that time
 * only, during which the collector cannot run.
 */
export class Libc {
  readonly #koffi: typeof Koffi;
  readonly #library: Koffi.LibraryHandle;
  readonly #syscall: Call;
  readonly #syscallPointer: Call;
  readonly #registerPointer: Call;
  readonly #mmap: Call;
  readonly #munmap: Call;
  readonly #socket: Call;
  readonly #bind: Call;
  readonly #listen: Call;
  readonly #accept: Call;
  readonly #connect: Call;
  readonly #shutdown: Call;
  readonly #close: Call;
  readonly #setsockopt: Call;
  readonly #getsockopt: Call;
  readonly #getpeername: Call;
  readonly #getsockname: Call;

  /** @throws Error when koffi is not installed or a symbol is missing */
  constructor() {
    const koffi = createRequire(import.meta.url)("koffi") as typeof Koffi;
    const library = koffi.load(null);
    this.#koffi = koffi;
    this.#library = library;
    const call = (definition: string): Call => library.func(definition) as Call;
    const six = "int64_t, int64_t, int64_t, int64_t, int64_t, int64_t";
    this.#syscall = call(`int64_t syscall(int64_t, ${six})`);
    this.#syscallPointer = call("int64_t syscall(int64_t, int64_t, void*)");
    this.#registerPointer = call("int64_t syscall(int64_t, int64_t, int64_t, void*, int64_t)");
    this.#mmap = call("uintptr_t mmap(uintptr_t, size_t, int, int, int, int64_t)");
    this.#munmap = call("int munmap(uintptr_t, size_t)");
    this.#socket = call("int socket(int, int, int)");
    this.#bind = call("int bind(int, void*, unsigned int)");
    this.#listen = call("int listen(int, int)");
    this.#accept = call("int accept4(int, void*, void*, int)");
    this.#connect = call("int connect(int, void*, unsigned int)");
    this.#shutdown = call("int shutdown(int, int)");
    this.#close = call("int close(int)");
    this.#setsockopt = call("int setsockopt(int, int, int, void*, unsigned int)");
    this.#getsockopt = call("int getsockopt(int, int, int, void*, void*)");
    this.#getpeername = call("int getpeername(int, void*, void*)");
    this.#getsockname = call("int getsockname(int, void*, void*)");
  }

  /** Error number of the last call of this thread that failed. */
  get errno(): number {
    return this.#koffi.errno();
  }

  /** @returns the result, or the negated error */
  syscall(
    number: number,
    a: number,
    b: number,
    c: number,
    d: number,
    e: number,
    f: number,
  ): number {
    const result = this.#syscall(number, a, b, c, d, e, f);
    return result < 0 ? -this.errno : result;
  }

  /** `io_uring_setup`. @returns a descriptor or the negated error */
  setup(number: number, entries: number, parameters: Uint32Array): number {
    const result = this.#syscallPointer(number, entries, parameters);
    return result < 0 ? -this.errno : result;
  }

  /** `io_uring_register` with a structure that the kernel reads or fills before it returns. */
  register(
    number: number,
    fd: number,
    what: number,
    argument: Uint8Array | Uint32Array,
    count: number,
  ): number {
    const result = this.#registerPointer(number, fd, what, argument, count);
    return result < 0 ? -this.errno : result;
  }

  /** @returns the address. @throws Error of the system */
  mmap(length: number, protection: number, flags: number, fd: number, offset: number): number {
    const address = this.#mmap(0, length, protection, flags, fd, offset);
    // MAP_FAILED is the largest address there is.
    if (address > 2 ** 52) throw this.error("mmap", this.errno);
    return address;
  }

  munmap(address: number, length: number): void {
    this.#munmap(address, length);
  }

  /** Bytes at an address that somebody has mapped. They must stay mapped for as long as the buffer is attached. */
  view(address: number, length: number): ArrayBuffer {
    return this.#koffi.view(BigInt(address), length);
  }

  /** @returns a descriptor or the negated error */
  socket(domain: number, type: number): number {
    const fd = this.#socket(domain, type, 0);
    return fd < 0 ? -this.errno : fd;
  }

  bind(fd: number, address: Uint8Array): number {
    return this.#bind(fd, address, address.length) < 0 ? -this.errno : 0;
  }

  listen(fd: number, backlog: number): number {
    return this.#listen(fd, backlog) < 0 ? -this.errno : 0;
  }

  /** Never waits if the descriptor is non-blocking. @returns a descriptor or the negated error */
  accept(fd: number, flags: number): number {
    const accepted = this.#accept(fd, null, null, flags);
    return accepted < 0 ? -this.errno : accepted;
  }

  /** Never waits if the descriptor is non-blocking. @returns 0 or the negated error */
  connect(fd: number, address: Uint8Array): number {
    return this.#connect(fd, address, address.length) < 0 ? -this.errno : 0;
  }

  /** Ends a TCP connection with a reset at once, also while a receive is under way on it (connect(2), AF_UNSPEC). */
  disconnect(fd: number): number {
    return this.connect(fd, UNSPECIFIED);
  }

  shutdown(fd: number, how: number): number {
    return this.#shutdown(fd, how) < 0 ? -this.errno : 0;
  }

  close(fd: number): void {
    this.#close(fd);
  }

  /** Sets an option of 4 bytes, or of 8 when two values are given. */
  setsockopt(fd: number, level: number, name: number, value: number, second?: number): number {
    OPTION[0] = value;
    OPTION[1] = second ?? 0;
    const length = second === undefined ? 4 : 8;
    return this.#setsockopt(fd, level, name, OPTION, length) < 0 ? -this.errno : 0;
  }

  /** The value of an option of 4 bytes, or the negated error. */
  getsockopt(fd: number, level: number, name: number): number {
    LENGTH[0] = 4;
    return this.#getsockopt(fd, level, name, OPTION, LENGTH) < 0 ? -this.errno : OPTION[0]!;
  }

  /** Writes an address into `into`. @returns its length, or the negated error */
  getpeername(fd: number, into: Uint8Array): number {
    LENGTH[0] = into.length;
    return this.#getpeername(fd, into, LENGTH) < 0 ? -this.errno : LENGTH[0];
  }

  /** As {@link getpeername}, for the own side. */
  getsockname(fd: number, into: Uint8Array): number {
    LENGTH[0] = into.length;
    return this.#getsockname(fd, into, LENGTH) < 0 ? -this.errno : LENGTH[0];
  }

  /** The environment of this thread, for calls of Node's own interface. */
  get environment(): unknown {
    return this.#koffi.node.env;
  }

  /** A further function, of Node's own interface or of libuv. @throws Error when there is none */
  function(definition: string): unknown {
    return this.#library.func(definition);
  }

  error(call: string, errno: number): NodeJS.ErrnoException {
    const code = errorName(errno);
    return Object.assign(new Error(`${call} ${code}`), { code, errno: -errno, syscall: call });
  }
}

/** `struct sockaddr` of no family. */
const UNSPECIFIED = new Uint8Array(16);
const OPTION = new Int32Array(2);
const LENGTH = new Uint32Array(1);
