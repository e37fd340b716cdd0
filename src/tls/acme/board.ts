/** What workers answer certificate authorities with: the answers of http-01 and tls-alpn-01, and whose clients wait. */

import type { ChallengeUpdate, TlsChallengeData } from "#model/tls.ts";
import { type Challenge, type Solver, challengeCertificate } from "./challenge.ts";

/** Hands an update to all workers. Resolves when they have it, or have had the time for it. */
export type PublishChallenges = (update: ChallengeUpdate) => Promise<void>;

/** See the head of this file. */
export class ChallengeBoard implements Solver {
  readonly #publish: PublishChallenges;
  readonly #wall: () => number;
  readonly #http: Map<string, string> = new Map();
  readonly #tls: Map<string, TlsChallengeData> = new Map();
  #wanted: readonly string[] = [];
  #version = 0;

  /** `wall`: epoch milliseconds. */
  constructor(publish: PublishChallenges, wall: () => number) {
    this.#publish = publish;
    this.#wall = wall;
  }

  /** What holds now, for workers that begin. */
  get current(): ChallengeUpdate {
    return {
      version: this.#version,
      http: [...this.#http],
      tls: [...this.#tls.values()],
      wanted: this.#wanted,
    };
  }

  async present(challenge: Challenge): Promise<() => Promise<void>> {
    const { type, token, keyAuthorization, name } = challenge;
    if (type === "http-01") this.#http.set(token, keyAuthorization);
    else this.#tls.set(name, challengeCertificate(challenge, this.#wall()));
    await this.#tell();
    return async () => {
      if (type === "http-01") this.#http.delete(token);
      else this.#tls.delete(name);
      // Nobody has to wait until it is gone.
      void this.#tell();
    };
  }

  /** The clients of these names wait for their first certificate. */
  setWanted(names: readonly string[]): void {
    if (names.join(" ") === this.#wanted.join(" ")) return;
    this.#wanted = names;
    void this.#tell();
  }

  #tell(): Promise<void> {
    this.#version++;
    return this.#publish(this.current);
  }
}
