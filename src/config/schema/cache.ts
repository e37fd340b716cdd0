import { bytes, z } from "#sdk/config.ts";
import type { CacheInput } from "../input.ts";
import type { CacheConfig } from "../types.ts";

/** `cache`: what the caches of all routes share. */
export const cacheSchema: z.ZodType<CacheConfig, CacheInput | undefined> = z
  .strictObject({
    memory: bytes({ min: 1024 * 1024, max: 64 * 1024 ** 3 })
      .prefault("256MiB")
      .describe(
        "Memory for stored answers, in the whole process, with everything that belongs to them. It is taken when a route has a `cache` filter, and only as far as it is filled. Another size begins with an empty cache.",
      ),
  })
  .prefault({})
  .describe(
    "What the caches of all routes share. A route has one if `cache` is among its filters.",
  );
