/**
 * What a rate limit costs: the key of an address hashed, and its count in the table that all workers share. With few
 * clients their entries are in the processor's cache; with many they are not.
 *
 *     node bench/micro/filters.ts           takes some seconds
 *     node bench/micro/filters.ts --quick   shows that it works
 */

import { KeyHash } from "#core/shared/key-hash.ts";
import { RateTable } from "#core/shared/rate-table.ts";
import type { FilterContext } from "#sdk/filter.ts";
import { linkKey } from "#sdk/request-key.ts";

const isQuick = process.argv.includes("--quick");
const rounds = isQuick ? 3 : 31;
const batch = isQuick ? 10_000 : 500_000;
const KEYS = 100_000;

/** Nanoseconds of the median round. */
function measure(clients: number): number {
  const memory = new SharedArrayBuffer(RateTable.byteLength(KEYS));
  const table = new RateTable(memory, 0, KEYS, { count: 100, period: 1000, burst: 50 });
  const keyOf = linkKey([{ kind: "client-ip" }], new KeyHash(Uint32Array.of(1, 2, 3, 4)));
  const contexts = Array.from(
    { length: clients },
    (_, i) => ({ clientIp: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}` }) as FilterContext,
  );
  let passed = 0;
  let now = 0;
  const times = Array.from({ length: rounds }, () => {
    const start = performance.now();
    for (let i = 0; i < batch; i++) {
      // A stride that visits all of them, neighbours never one after the other.
      const context = contexts[(i * 7919) % clients]!;
      if (table.take(keyOf(context), (now += 0.001)).allowed) passed++;
    }
    return ((performance.now() - start) * 1e6) / batch;
  });
  if (passed === 0) throw new Error("nothing was let through");
  return times.sort((a, b) => a - b)[rounds >> 1]!;
}

for (const clients of [1, 1000, 50_000]) {
  console.log(`rateLimit by client-ip, ${clients} clients: ${measure(clients).toFixed(0)} ns`);
}
