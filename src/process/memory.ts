/**
 * The memory that all threads share. It is allocated once, before the first worker starts, and held for the
 * process's life: a worker that ends leaves its rows behind, and the next one takes them over.
 */

/** Named regions of shared memory, as they are handed to each worker. */
export type SharedMemory<Name extends string> = Readonly<Record<Name, SharedArrayBuffer>>;

/** Allocates zeroed regions. `sizes`: bytes, by name. */
export function allocateMemory<Name extends string>(
  sizes: Readonly<Record<Name, number>>,
): SharedMemory<Name> {
  const regions = Object.entries<number>(sizes).map(([name, size]) => [
    name,
    new SharedArrayBuffer(size),
  ]);
  return Object.fromEntries(regions) as SharedMemory<Name>;
}
