/** Forgetting what is stored, before its time. */

import { latin1 } from "#core/bytes/latin1.ts";
import type { Cache } from "./cache.ts";
import { AT, ENTRY_BYTES } from "./memory/layout.ts";

/** Forgets all that is stored of a URL, in all its variants. @returns how many keys */
export function forgetUrl(cache: Cache, url: string): number {
  const { store } = cache;
  const hash = store.hash(url);
  const shard = store.shardOf(hash);
  let forgotten = 0;
  store.insist(shard, () => {
    shard.visit(hash & (shard.buckets - 1), (entry) => {
      if (shard.get(entry, AT.HASH) !== hash || shard.get(entry, AT.URL_BYTES) !== url.length)
        return;
      const at = shard.byteAt(entry) + ENTRY_BYTES;
      if (latin1(shard.bytes, at, at + url.length) !== url) return;
      shard.unlink(entry);
      forgotten++;
    });
  });
  store.count("purged", forgotten);
  cache.settle();
  return forgotten;
}
