import * as at from "./layout.ts";
import type { Libc } from "./libc.ts";
import { Mapping, type MappingLedger } from "./mapping.ts";
import type { Pinned } from "./pinned.ts";

/** How often, and how long apart in ms, a ring is asked for while there is no memory for it. */
const SETUP_ATTEMPTS = 25;
const SETUP_PAUSE = 20;

/** Entries that are submitted at once; more in a turn are submitted in between. */
const ENTRIES = 2048;
/** Room for completions, per entry. */
const COMPLETIONS = 8;
/** Bytes of scratch memory for addresses and vectors of entries that are not submitted yet. */
const SCRATCH = 256 * 1024;

/** What the kernel has to offer, beside the operations. */
const FEATURES: number =
  at.FEAT_SINGLE_MMAP |
  at.FEAT_NODROP |
  at.FEAT_SUBMIT_STABLE |
  at.FEAT_FAST_POLL |
  at.FEAT_EXT_ARG;

const SETUP: number =
  at.SETUP_CQSIZE | at.SETUP_SUBMIT_ALL | at.SETUP_SINGLE_ISSUER | at.SETUP_DEFER_TASKRUN;

/** Told of descriptors: what a thread leaves open when it dies is closed by another. */
export interface DescriptorLedger extends MappingLedger {
  opened(fd: number): void;
  closing(fd: number): void;
  /** Where completions arrive, until that memory is unmapped: some bring descriptors. */
  completing(where: Completions): void;
}

/** Where the completions of a ring are: the memory, and places in it, in words of 4 bytes. */
export interface Completions {
  readonly address: number;
  readonly length: number;
  readonly head: number;
  readonly tail: number;
  readonly mask: number;
  readonly first: number;
}

/** Gets each completion: the two halves of the entry's `user_data`, the result, the flags. */
export type OnCompletion = (low: number, high: number, result: number, flags: number) => void;

/** A piece of memory to be sent. */
export interface Piece {
  readonly owner: Pinned;
  readonly offset: number;
  readonly length: number;
}

/**
 * One io_uring: entries go in, completions come out. It knows nothing of connections; `low` and `high` name whoever an
 * entry belongs to and come back with its completions.
 *
 * SAFETY: an entry is written into a free place of the ring (`#entry` submits when there is none) and its numbers are
 * checked here: lengths and offsets by `Mapping.at`. Memory that the kernel goes on using after `submit` has
 * returned, which is that of receives and of sends, belongs to `Pinned` owners that keep it until the completion.
 * Everything else (addresses, vectors) is read by the kernel while the entry is submitted (FEAT_SUBMIT_STABLE),
 * and so may live in scratch memory that is reused afterwards.
 *
 * Since the thread that submits is the one that the kernel does its work in (SINGLE_ISSUER, DEFER_TASKRUN), the shared
 * indexes change only while a call of `submit` runs: plain reads and writes are enough.
 */
export class Ring {
  readonly fd: number;
  readonly #libc: Libc;
  readonly #ledger: DescriptorLedger;
  readonly #rings: Mapping;
  readonly #sqes: Mapping;
  readonly #scratch: Mapping;
  readonly #words: Int32Array;
  readonly #entries: Int32Array;
  readonly #scratchBytes: Uint8Array;
  readonly #scratchWords: Uint32Array;
  readonly #sqTail: number;
  readonly #sqMask: number;
  readonly #cqHead: number;
  readonly #cqTail: number;
  readonly #cqMask: number;
  readonly #cqes: number;
  /** Bytes of scratch memory in use by entries that are not submitted. The first hold the time to wait. */
  #scratchUsed = WAIT_BYTES;
  #tail: number;
  /** Entries that the kernel has not taken. */
  #pending = 0;
  /** Completions that were taken out to make room while submitting, four numbers each. */
  #backlog: number[] = [];

  /** @throws Error of the system, or one that says what the kernel lacks */
  constructor(libc: Libc, ledger: DescriptorLedger) {
    this.#libc = libc;
    this.#ledger = ledger;
    const params = new Uint32Array(at.PARAMS_WORDS);
    params[at.PARAMS_CQ_ENTRIES] = ENTRIES * COMPLETIONS;
    params[at.PARAMS_FLAGS] = SETUP;
    const fd = setup(libc, params);
    this.fd = fd;
    ledger.opened(fd);
    try {
      if ((params[at.PARAMS_FEATURES]! & FEATURES) !== FEATURES) {
        throw new Error("the kernel's io_uring is too old");
      }
      const sq = (offset: number): number => params[at.PARAMS_SQ_OFFSETS + offset]!;
      const cq = (offset: number): number => params[at.PARAMS_CQ_OFFSETS + offset]!;
      const sqEntries = params[at.PARAMS_SQ_ENTRIES]!;
      const cqEntries = params[at.PARAMS_CQ_ENTRIES];
      const size = Math.max(
        sq(at.OFFSET_ARRAY) + sqEntries * 4,
        cq(at.OFFSET_CQES) + cqEntries * at.CQE_BYTES,
      );
      this.#rings = Mapping.shared(libc, ledger, size, fd, at.MAP_RINGS);
      this.#sqes = Mapping.shared(libc, ledger, sqEntries * at.SQE_BYTES, fd, at.MAP_SQES);
      this.#scratch = Mapping.anonymous(libc, ledger, SCRATCH);
      this.#words = new Int32Array(this.#rings.buffer, 0, size >>> 2);
      this.#entries = new Int32Array(this.#sqes.buffer);
      this.#scratchBytes = new Uint8Array(this.#scratch.buffer);
      this.#scratchWords = new Uint32Array(this.#scratch.buffer);
      this.#sqTail = sq(at.OFFSET_TAIL) >>> 2;
      this.#sqMask = sqEntries - 1;
      this.#cqHead = cq(at.OFFSET_HEAD) >>> 2;
      this.#cqTail = cq(at.OFFSET_TAIL) >>> 2;
      this.#cqMask = cqEntries - 1;
      this.#cqes = cq(at.OFFSET_CQES) >>> 2;
      if (this.#words[sq(at.OFFSET_ENTRIES) >>> 2] !== sqEntries) {
        throw new Error("the kernel's io_uring is laid out in another way than is known here");
      }
      const array = sq(at.OFFSET_ARRAY) >>> 2;
      for (let i = 0; i < sqEntries; i++) this.#words[array + i] = i;
      this.#tail = this.#words[this.#sqTail]!;
      ledger.completing({
        address: this.#rings.at(0, size),
        length: size,
        head: this.#cqHead,
        tail: this.#cqTail,
        mask: this.#cqMask,
        first: this.#cqes,
      });
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Whether completions are there to be taken without asking the kernel. */
  get ready(): boolean {
    return this.#backlog.length > 0 || this.#words[this.#cqHead] !== this.#words[this.#cqTail];
  }

  /** Completes with a descriptor for a connection, or for every one that comes until it ends. */
  accept(low: number, high: number, fd: number, many: boolean): void {
    const i = this.#entry(at.OP_ACCEPT, fd, low, high);
    if (many) this.#entries[i]! |= at.ACCEPT_MULTISHOT << 16;
    this.#entries[i + 7] = at.SOCK_CLOEXEC;
  }

  /** Completes when the connection is up, or with the error. */
  connect(low: number, high: number, fd: number, address: Uint8Array): void {
    const offset = this.#scratchFor(address.length);
    this.#scratchBytes.set(address, offset);
    const i = this.#entry(at.OP_CONNECT, fd, low, high);
    this.#address(i, this.#scratch.at(offset, address.length));
    // The length of a connect's address is where other operations have their offset.
    this.#entries[i + 2] = address.length;
  }

  /** Completes with each piece that arrives, in a buffer of `group`, until it ends. */
  receiveMany(low: number, high: number, fd: number, group: number): void {
    const i = this.#entry(at.OP_RECV, fd, low, high);
    this.#entries[i]! |= (at.SQE_BUFFER_SELECT << 8) | (at.RECV_MULTISHOT << 16);
    this.#entries[i + 10] = group;
  }

  /** Completes once, with what has arrived by then, in a buffer of `group`. */
  receiveOnce(low: number, high: number, fd: number, group: number): void {
    const i = this.#entry(at.OP_RECV, fd, low, high);
    this.#entries[i]! |= at.SQE_BUFFER_SELECT << 8;
    this.#entries[i + 10] = group;
  }

  /** Sends what the socket has room for at once; completes with how much that was, or EAGAIN. */
  send(low: number, high: number, fd: number, owner: Pinned, offset: number, length: number): void {
    const i = this.#entry(at.OP_SEND, fd, low, high);
    this.#address(i, owner.mapping.at(offset, length));
    this.#entries[i + 6] = length;
    this.#entries[i + 7] = at.MSG_NOSIGNAL | at.MSG_DONTWAIT;
  }

  /** As {@link send}, from several places. */
  sendAll(low: number, high: number, fd: number, pieces: readonly Piece[]): void {
    const size = at.MSGHDR_BYTES + 8 + pieces.length * at.IOVEC_BYTES;
    const header = this.#scratchFor(size);
    const vectors = header + at.MSGHDR_BYTES + 8;
    const words = this.#scratchWords;
    words.fill(0, header >>> 2, vectors >>> 2);
    this.#pointer((header + at.MSGHDR_IOV) >>> 2, this.#scratch.at(vectors, 0));
    words[(header + at.MSGHDR_IOVLEN) >>> 2] = pieces.length;
    let word = vectors >>> 2;
    for (const { owner, offset, length } of pieces) {
      this.#pointer(word, owner.mapping.at(offset, length));
      words[word + 2] = length;
      words[word + 3] = 0;
      word += 4;
    }
    const i = this.#entry(at.OP_SENDMSG, fd, low, high);
    this.#address(i, this.#scratch.at(header, size));
    this.#entries[i + 6] = 1;
    this.#entries[i + 7] = at.MSG_NOSIGNAL | at.MSG_DONTWAIT;
  }

  /** Completes once when one of `events` holds, or an error or an end. */
  poll(low: number, high: number, fd: number, events: number): void {
    const i = this.#entry(at.OP_POLL_ADD, fd, low, high);
    this.#entries[i + 7] = events;
  }

  /** Completes each time that an error or an end is new, until it ends. */
  watch(low: number, high: number, fd: number): void {
    const i = this.#entry(at.OP_POLL_ADD, fd, low, high);
    this.#entries[i + 6] = at.POLL_MULTISHOT;
  }

  /** Ends the entries that were made with `targetLow` and `targetHigh`; they complete with ECANCELED if they were still waiting. Completes with how many were found. */
  cancel(low: number, high: number, targetLow: number, targetHigh: number): void {
    const i = this.#entry(at.OP_ASYNC_CANCEL, -1, low, high);
    this.#entries[i + 4] = targetLow;
    this.#entries[i + 5] = targetHigh;
    this.#entries[i + 7] = at.CANCEL_ALL;
  }

  /**
   * Hands all entries to the kernel and waits for a completion.
   *
   * @param wait how long, in ms; 0: not at all. Infinity: until there is one
   */
  submit(wait: number): void {
    if (wait > 0 && this.#backlog.length === 0) {
      this.#setWait(wait);
      this.#enter(1, wait === Infinity ? WAIT_FOREVER : WAIT);
    } else {
      this.#enter(0, WAIT_FOREVER);
    }
    this.#submitRest();
    this.#scratchUsed = WAIT_BYTES;
  }

  /** Takes out the completions that are there. `each` may make entries, but must not submit. */
  harvest(each: OnCompletion): void {
    if (this.#backlog.length > 0) this.#harvestBacklog(each);
    const words = this.#words;
    const end = words[this.#cqTail]!;
    let head = words[this.#cqHead]!;
    while (head !== end) {
      const i = this.#cqes + ((head & this.#cqMask) << 2);
      const low = words[i]!;
      const high = words[i + 1]!;
      const result = words[i + 2]!;
      const flags = words[i + 3]!;
      head = (head + 1) | 0;
      // Before the call: what throws must not be seen again.
      words[this.#cqHead] = head;
      each(low, high, result, flags);
      // `each` has filled the ring of entries, and completions were moved to make room.
      if (words[this.#cqHead] !== head) return this.harvest(each);
    }
  }

  /** Lets go of the ring, which ends everything that is under way, and of its memory. */
  close(): void {
    this.#ledger.closing(this.fd);
    this.#libc.close(this.fd);
    // Undefined when the constructor has failed half-way.
    for (const mapping of [this.#rings, this.#sqes, this.#scratch] as (Mapping | undefined)[]) {
      mapping?.unmap();
    }
  }

  /** Registers memory of the kernel's: a ring of buffers. @throws Error of the system */
  register(what: number, argument: Uint32Array, count: number): void {
    const result = this.#libc.register(at.SYS_IO_URING_REGISTER, this.fd, what, argument, count);
    if (result < 0) throw this.#libc.error("io_uring_register", -result);
  }

  /** A cleared entry. @returns its index in `#entries` */
  #entry(operation: number, fd: number, low: number, high: number): number {
    if (this.#pending > this.#sqMask) {
      this.#enter(0, WAIT_FOREVER);
      this.#submitRest();
    }
    const i = (this.#tail & this.#sqMask) << 4;
    const entries = this.#entries;
    entries[i] = operation;
    entries[i + 1] = fd;
    entries[i + 2] = 0;
    entries[i + 3] = 0;
    entries[i + 4] = 0;
    entries[i + 5] = 0;
    entries[i + 6] = 0;
    entries[i + 7] = 0;
    entries[i + 8] = low;
    entries[i + 9] = high;
    entries[i + 10] = 0;
    entries[i + 11] = 0;
    entries[i + 12] = 0;
    entries[i + 13] = 0;
    this.#tail = (this.#tail + 1) | 0;
    this.#pending++;
    return i;
  }

  #address(i: number, address: number): void {
    this.#entries[i + 4] = address | 0;
    this.#entries[i + 5] = Math.floor(address / 2 ** 32);
  }

  #pointer(word: number, address: number): void {
    this.#scratchWords[word] = address;
    this.#scratchWords[word + 1] = Math.floor(address / 2 ** 32);
  }

  /** Scratch memory until the next submit, aligned to 8 bytes. */
  #scratchFor(length: number): number {
    const size = (length + 7) & ~7;
    if (this.#scratchUsed + size > SCRATCH) {
      this.#enter(0, WAIT_FOREVER);
      this.#submitRest();
      this.#scratchUsed = WAIT_BYTES;
    }
    const offset = this.#scratchUsed;
    this.#scratchUsed += size;
    return offset;
  }

  #setWait(wait: number): void {
    if (wait === Infinity) return;
    const words = this.#scratchWords;
    const seconds = Math.floor(wait / 1000);
    words[TIMESPEC >>> 2] = seconds;
    words[(TIMESPEC >>> 2) + 1] = 0;
    words[(TIMESPEC >>> 2) + 2] = Math.floor((wait - seconds * 1000) * 1e6);
    words[(TIMESPEC >>> 2) + 3] = 0;
    words.fill(0, 0, 4);
    this.#pointer(4, this.#scratch.at(TIMESPEC, 16));
  }

  #enter(wanted: number, how: number): void {
    this.#words[this.#sqTail] = this.#tail;
    const timed = how === WAIT;
    const result = this.#libc.syscall(
      at.SYS_IO_URING_ENTER,
      this.fd,
      this.#pending,
      wanted,
      timed ? at.ENTER_GETEVENTS | at.ENTER_EXT_ARG : at.ENTER_GETEVENTS,
      timed ? this.#scratch.at(0, WAIT_BYTES) : 0,
      timed ? at.GETEVENTS_ARG_BYTES : 0,
    );
    if (result >= 0) {
      this.#pending -= result;
    } else if (!TRANSIENT.has(-result)) {
      throw this.#libc.error("io_uring_enter", -result);
    }
  }

  /**
   * When the kernel took only some of the entries, its room for completions is used up or memory is short: takes
   * completions out and tries again. Afterwards no entry is left that names a descriptor which somebody may close.
   */
  #submitRest(): void {
    for (let tries = 0; this.#pending > 0; tries++) {
      if (tries === MOST_TRIES) throw new Error("the kernel does not take entries any more");
      this.#moveToBacklog();
      this.#enter(0, WAIT_FOREVER);
    }
  }

  #moveToBacklog(): void {
    const words = this.#words;
    const end = words[this.#cqTail]!;
    for (let head = words[this.#cqHead]!; head !== end; head = (head + 1) | 0) {
      const i = this.#cqes + ((head & this.#cqMask) << 2);
      this.#backlog.push(words[i]!, words[i + 1]!, words[i + 2]!, words[i + 3]!);
    }
    words[this.#cqHead] = end;
  }

  #harvestBacklog(each: OnCompletion): void {
    while (this.#backlog.length > 0) {
      const [low = 0, high = 0, result = 0, flags = 0] = this.#backlog.splice(0, 4);
      each(low, high, result, flags);
    }
  }
}

/**
 * Makes a ring. The kernel gives back the memory of one that was closed a moment later, and counts it until then
 * (RLIMIT_MEMLOCK, for those without CAP_IPC_LOCK): where workers are replaced one after the other, there may be too little for
 * a moment.
 *
 * @throws Error of the system
 */
function setup(libc: Libc, params: Uint32Array): number {
  for (let attempt = 1; ; attempt++) {
    const fd = libc.setup(at.SYS_IO_URING_SETUP, ENTRIES, params);
    if (fd >= 0) return fd;
    if (-fd !== at.ENOMEM || attempt === SETUP_ATTEMPTS) throw libc.error("io_uring_setup", -fd);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, SETUP_PAUSE);
  }
}

/**
 * Shows the completions that a thread has left in its ring.
 *
 * SAFETY: only when the thread is gone, and before the memory is unmapped. The view of it does not outlive this call.
 */
export function leftBehind(libc: Libc, where: Completions, each: OnCompletion): void {
  const buffer = libc.view(where.address, where.length);
  const words = new Int32Array(buffer, 0, where.length >>> 2);
  const end = words[where.tail]!;
  for (let head = words[where.head]!; head !== end; head = (head + 1) | 0) {
    const i = where.first + ((head & where.mask) << 2);
    each(words[i]!, words[i + 1]!, words[i + 2]!, words[i + 3]!);
  }
  buffer.transfer(0);
}

/** At the beginning of the scratch memory: `struct io_uring_getevents_arg`, then `struct __kernel_timespec`. */
const TIMESPEC = 32;
const WAIT_BYTES = 48;
const WAIT = 1;
const WAIT_FOREVER = 0;
const MOST_TRIES = 10_000;
/** Nothing came in time; a signal came; room or memory is short, which passes. */
const TRANSIENT: ReadonlySet<number> = new Set([at.ETIME, at.EINTR, at.EAGAIN, at.EBUSY]);
