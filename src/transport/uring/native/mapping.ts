import type { Libc } from "./libc.ts";

const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const MAP_ANONYMOUS = 0x20;
/** Pages are made with the mapping: a ring is used whole, and from its first turn on. */
const MAP_POPULATE = 0x8000;

/** Told of every mapping and its end: what a thread leaves behind when it dies is taken back by another. */
export interface MappingLedger {
  mapped(address: number, length: number): void;
  unmapped(address: number): void;
}

/**
 * Memory outside of JavaScript's heap that the kernel may read and write: it neither moves nor is collected.
 *
 * SAFETY: `at` is the only way to an address, and checks that the bytes are within the mapping. `unmap` detaches the
 * buffer first, so that a view that is left somewhere has no length rather than a dangling address.
 */
export class Mapping {
  readonly length: number;
  readonly buffer: ArrayBuffer;
  readonly #libc: Libc;
  readonly #ledger: MappingLedger;
  readonly #address: number;

  private constructor(libc: Libc, ledger: MappingLedger, address: number, length: number) {
    this.#libc = libc;
    this.#ledger = ledger;
    this.#address = address;
    this.length = length;
    ledger.mapped(address, length);
    this.buffer = libc.view(address, length);
  }

  /** Zeroed memory; pages that are never touched cost nothing. @throws Error of the system */
  static anonymous(libc: Libc, ledger: MappingLedger, length: number): Mapping {
    const address = libc.mmap(length, PROT_READ_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return new Mapping(libc, ledger, address, length);
  }

  /** Memory that the kernel shares with whoever has the descriptor. @throws Error of the system */
  static shared(
    libc: Libc,
    ledger: MappingLedger,
    length: number,
    fd: number,
    offset: number,
  ): Mapping {
    const address = libc.mmap(length, PROT_READ_WRITE, MAP_SHARED | MAP_POPULATE, fd, offset);
    return new Mapping(libc, ledger, address, length);
  }

  /** The address of `length` bytes from `offset`. @throws RangeError if they are not within the mapping */
  at(offset: number, length: number): number {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.length)) {
      throw new RangeError(`${length} bytes at ${offset} are not within ${this.length}`);
    }
    return this.#address + offset;
  }

  /** Gives the memory back. Nothing of the kernel's may be under way in it. */
  unmap(): void {
    if (this.buffer.detached) return;
    this.buffer.transfer(0);
    this.#ledger.unmapped(this.#address);
    this.#libc.munmap(this.#address, this.length);
  }
}
