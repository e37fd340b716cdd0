/**
 * What a client may do for a while, but not without end: each kind of it has a bucket that runs out at a rate, and that
 * useful work empties as well. When one runs over, the connection ends with ENHANCE_YOUR_CALM.
 */

import type { Abuse } from "#core/http/abuse.ts";

/** How much at once, and how much a second. A kind without a row is over with its first. */
const LIMITS: Readonly<Partial<Record<Abuse, readonly [burst: number, perSecond: number]>>> = {
  rapid_resets: [500, 50],
  provoked_resets: [100, 10],
  settings_flood: [100, 10],
  ping_flood: [200, 50],
  empty_data_flood: [100, 10],
  control_flood: [5000, 500],
  large_heads: [20, 2],
  stream_flood: [300, 50],
};

/** What one connection has done. */
export class AbuseWatch {
  readonly #levels: Map<Abuse, number> = new Map();
  readonly #seenAt: Map<Abuse, number> = new Map();

  /** One more of a kind, at `now` in milliseconds. False: that is too much. */
  note(kind: Abuse, now: number): boolean {
    const limit = LIMITS[kind];
    if (limit === undefined) return false;
    const [burst, perSecond] = limit;
    const since = now - (this.#seenAt.get(kind) ?? now);
    const level = Math.max(0, (this.#levels.get(kind) ?? 0) - (since * perSecond) / 1000) + 1;
    this.#levels.set(kind, level);
    this.#seenAt.set(kind, now);
    return level <= burst;
  }

  /** Something useful was done, which explains `amount` of a kind. */
  excuse(kind: Abuse, amount: number): void {
    const level = this.#levels.get(kind);
    if (level !== undefined && level > 0) this.#levels.set(kind, Math.max(0, level - amount));
  }
}
