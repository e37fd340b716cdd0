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
    handshakes: z
      .int()
      .min(1)
      .max(10_000_000)
      .prefault(2000)
      .describe(
        "TLS handshakes that are under way at a time, in the whole process; further connections are closed.",
      ),
    handshakeRate: z
      .union([z.literal("off").transform(() => null), z.int().min(1).max(10_000_000)])
      .prefault("off")
      .describe(
        "TLS handshakes that begin in a second, in the whole process; further ones wait their turn for as long as `timeouts.handshake` lets them. `off` for no limit.",
      ),
    bodyRate: byteRate()
      .prefault("240B/s")
      .describe("Slowest request body, measured after `timeouts.bodyGrace`: 408. `0B/s` for none."),
  })
  .prefault({})
  .describe(
    "Bounds on what clients may send and hold. Everything within them streams: bodies have no limit of their own.",
  );
