import { type FilterSchema, pathPrefix, z } from "#sdk/config.ts";

/** Which prefix is taken off, and whether answers get it again. */
export interface StripPrefixOptions {
  readonly prefix: string;
  readonly mendResponse: boolean;
}

/** How it is written. */
export type StripPrefixInput =
  | string
  | { readonly prefix: string; readonly mendResponse?: boolean | undefined };

/** Takes a prefix off the path that the backend sees. */
export const stripPrefix: FilterSchema<StripPrefixOptions, StripPrefixInput> = {
  schema: z.union([
    pathPrefix().transform((prefix): StripPrefixOptions => ({ prefix, mendResponse: true })),
    z.strictObject({
      prefix: pathPrefix().describe("The prefix: begins with `/`, does not end with one."),
      mendResponse: z
        .boolean()
        .prefault(true)
        .describe(
          "Paths in `Location`, `Content-Location`, `Refresh`, `Link` and `Set-Cookie` of the answer get the prefix again.",
        ),
    }),
  ]),
  describe:
    "Takes this prefix off the path, at a segment's end; what is not below it stays as it is. The backend is told in `X-Forwarded-Prefix`, and redirects and cookies of its answer get the prefix again.",
};
