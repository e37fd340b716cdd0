import { type FilterSchema, pathPrefix, z } from "#sdk/config.ts";

/** Which prefix is put before, and whether answers lose it again. */
export interface AddPrefixOptions {
  readonly prefix: string;
  readonly mendResponse: boolean;
}

/** How it is written. */
export type AddPrefixInput =
  | string
  | { readonly prefix: string; readonly mendResponse?: boolean | undefined };

/** Puts a prefix before the path that the backend sees. */
export const addPrefix: FilterSchema<AddPrefixOptions, AddPrefixInput> = {
  schema: z.union([
    pathPrefix().transform((prefix): AddPrefixOptions => ({ prefix, mendResponse: true })),
    z.strictObject({
      prefix: pathPrefix().describe("The prefix: begins with `/`, does not end with one."),
      mendResponse: z
        .boolean()
        .prefault(true)
        .describe(
          "Paths in `Location`, `Content-Location`, `Refresh`, `Link` and `Set-Cookie` of the answer lose the prefix again.",
        ),
    }),
  ]),
  describe:
    "Puts this prefix before the path that the backend sees; redirects and cookies of its answer lose it again.",
};
