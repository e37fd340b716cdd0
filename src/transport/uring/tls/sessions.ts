import type { BackendName } from "../../tls.ts";
import type { SslSession } from "../native/ssl.ts";

/** Sessions that a context remembers: one for each backend, of the backends that were used last. */
const MOST_SESSIONS = 256;

/** Sessions by whom they were made with. What one has proved to be does not count for another. */
export class Sessions {
  readonly #sessions: Map<string, SslSession> = new Map();

  /** The session of the last connection to the same; null without. It stays remembered. */
  find(name: BackendName): SslSession | null {
    return this.#sessions.get(keyOf(name)) ?? null;
  }

  /** Remembers it in place of an older one, and forgets the one that was remembered first if there are too many. */
  remember(name: BackendName, session: SslSession): void {
    const key = keyOf(name);
    this.#forget(key);
    this.#sessions.set(key, session);
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size > MOST_SESSIONS) this.#forget(oldest!);
  }

  /** Forgets all. */
  clear(): void {
    for (const key of this.#sessions.keys()) this.#forget(key);
  }

  #forget(key: string): void {
    this.#sessions.get(key)?.free();
    this.#sessions.delete(key);
  }
}

function keyOf({ sni, identity }: BackendName): string {
  return JSON.stringify([sni, identity]);
}
