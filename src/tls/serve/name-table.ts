/** Values by host name, as certificates know names: exact ones first, then `*.` and what follows the first label. */

/** See the head of this file. */
export class NameTable<T> {
  readonly #exact: Map<string, T> = new Map();
  readonly #below: Map<string, T> = new Map();

  /** Of values with the same name the first counts. */
  constructor(entries: Iterable<readonly [name: string, value: T]> = []) {
    for (const [name, value] of entries) {
      const wild = name.startsWith("*.");
      const table = wild ? this.#below : this.#exact;
      const key = wild ? name.slice(2) : name;
      if (!table.has(key)) table.set(key, value);
    }
  }

  get size(): number {
    return this.#exact.size + this.#below.size;
  }

  /** @param name lower case, without a final dot */
  get(name: string): T | undefined {
    const exact = this.#exact.get(name);
    if (exact !== undefined || this.#below.size === 0) return exact;
    // `*.example.com` covers one label, and not the empty one (RFC 6125 §6.4.3).
    const dot = name.indexOf(".");
    return dot <= 0 ? undefined : this.#below.get(name.slice(dot + 1));
  }
}
