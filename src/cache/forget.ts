/** Forgetting what is stored, before its time. */

import { latin1 } from "#core/bytes/latin1.ts";
import { readTags } from "./entry.ts";
import { AT, ENTRY_BYTES } from "./memory/layout.ts";
import type { Shard } from "./memory/shard.ts";
import type { Store } from "./memory/store.ts";

/** Buckets that are gone through under the lock at a time. */
const RUN = 256;

/** What is to be forgotten. URLs as in {@link urlOf}: `https://example.com/path?query`. */
export type Forgotten =
  | { readonly kind: "url"; readonly url: string }
  | { readonly kind: "prefix"; readonly prefix: string }
  | { readonly kind: "tag"; readonly tag: string }
  | { readonly kind: "all" };

/** Forgets all that is stored of a URL, in all its variants. @returns how many keys */
export function forgetUrl(store: Store, url: string): number {
  const hash = store.hash(url);
  const shard = store.shardOf(hash);
  let forgotten = 0;
  store.insist(shard, () => {
    shard.visit(hash & (shard.buckets - 1), (entry) => {
      if (shard.get(entry, AT.HASH) !== hash || urlAt(shard, entry) !== url) return;
      shard.unlink(entry);
      forgotten++;
    });
  });
  store.count("purged", forgotten);
  return forgotten;
}

/** Forgets what is meant; everything is looked at but for one URL. @returns how many entries */
export function forget(store: Store, what: Forgotten): number {
  if (what.kind === "url") return forgetUrl(store, what.url);
  let forgotten = 0;
  for (const shard of store.shards) {
    for (let start = 0; start < shard.buckets; start += RUN) {
      const end = Math.min(start + RUN, shard.buckets);
      store.insist(shard, () => {
        for (let bucket = start; bucket < end; bucket++) {
          shard.visit(bucket, (entry) => {
            if (!isMeant(shard, entry, what)) return;
            shard.unlink(entry);
            forgotten++;
          });
        }
      });
    }
  }
  store.count("purged", forgotten);
  return forgotten;
}

function isMeant(shard: Shard, entry: number, what: Exclude<Forgotten, { kind: "url" }>): boolean {
  switch (what.kind) {
    case "all":
      return true;
    case "prefix":
      return urlAt(shard, entry).startsWith(what.prefix);
    case "tag":
      return readTags(shard, entry).includes(what.tag);
  }
}

function urlAt(shard: Shard, entry: number): string {
  const at = shard.byteAt(entry) + ENTRY_BYTES;
  return latin1(shard.bytes, at, at + shard.get(entry, AT.URL_BYTES));
}
