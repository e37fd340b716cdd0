import { type Bytes, type FilterSchema, bytes, z } from "#sdk/config.ts";

/** How large a request's body may be. */
export interface BodyLimitOptions {
  readonly max: Bytes;
}

const size = bytes({ min: 0 });

/** Bounds the body of a request. */
export const bodyLimit: FilterSchema<BodyLimitOptions, string | { readonly max: string }> = {
  schema: z.union([
    size.transform((max): BodyLimitOptions => ({ max })),
    z.strictObject({
      max: size.describe("The most bytes that a request's body may have; `0B` for none at all."),
    }),
  ]),
  describe:
    "Refuses requests with a larger body with 413: at once if the length is announced, else as soon as the limit is passed.",
};
