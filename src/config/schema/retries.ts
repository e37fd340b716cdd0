import { oneOrMany, z } from "#sdk/config.ts";
import type { RetriesInput } from "../input.ts";
import type { RetriesConfig } from "../types.ts";

const mapping: z.ZodType<RetriesConfig, RetriesInput> = z.strictObject({
  attempts: z
    .int()
    .min(0)
    .max(10)
    .prefault(1)
    .describe("Further attempts after the first. `0` for none."),
  on: oneOrMany(z.literal([429, 502, 503, 504]), { empty: true })
    .prefault([])
    .describe(
      "Statuses of the backend that are tried again, of 429, 502, 503 and 504. Connections that fail before a request was sent are always tried again.",
    ),
  idempotencyKey: z
    .boolean()
    .prefault(false)
    .describe(
      "Whether POST and PATCH may be repeated after a failure on a reused connection when they carry `Idempotency-Key`.",
    ),
  budgetPercent: z
    .int()
    .min(0)
    .max(100)
    .prefault(20)
    .describe(
      "Retries as a share of the requests in progress, in per cent. Three at a time are always allowed.",
    ),
});

/** `retries` of an upstream. */
export const retriesSchema: z.ZodType<RetriesConfig, "off" | RetriesInput | undefined> = z
  .union([z.literal("off").transform(() => mapping.parse({ attempts: 0 })), mapping])
  .prefault({})
  .describe(
    "Further attempts when one fails before the client got a byte: `off`, or a mapping. Only requests that are safe to repeat are repeated once their bytes were sent.",
  );
