import type { Random } from "#core/random.ts";
import type { LinkedEndpoint } from "../linked.ts";

/**
 * One of the first `count` of `indexes`, as likely as its weight; `except` is left out (-1: none).
 *
 * @returns the index of an endpoint; -1 if nothing is left
 */
export function pickWeighted(
  endpoints: readonly LinkedEndpoint[],
  indexes: Int32Array,
  count: number,
  except: number,
  random: Random,
): number {
  let total = 0;
  for (let i = 0; i < count; i++) {
    if (indexes[i] !== except) total += endpoints[indexes[i]!]!.weight;
  }
  let left = random.next() * total;
  let last = -1;
  for (let i = 0; i < count; i++) {
    const index = indexes[i]!;
    if (index === except) continue;
    last = index;
    left -= endpoints[index]!.weight;
    if (left < 0) return index;
  }
  return last;
}
