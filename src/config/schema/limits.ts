import { byteRate, z } from "#sdk/config.ts";
import type { LimitsInput } from "../input.ts";
import type { LimitsConfig } from "../types.ts";

/** `limits`: bounds on what clients may send and hold. */
export const limitsSchema: z.ZodType<LimitsConfig, LimitsInput | undefined> = z
  .strictObject({
    connections: z
      .int()
      .min(1)
      .max(10_000_000)
      .prefault(10_000)
      .describe(
        "Client connections that the whole process holds; further ones are answered with 503 and closed.",
      ),
    bodyRate: byteRate()
      .prefault("240B/s")
      .describe("Slowest request body, measured after `timeouts.bodyGrace`: 408. `0B/s` for none."),
  })
  .prefault({})
  .describe(
    "Bounds on what clients may send and hold. Everything within them streams: bodies have no limit of their own.",
  );
