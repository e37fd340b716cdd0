import { type FilterSchema, pathPrefix } from "#sdk/config.ts";

/** Puts a prefix before the path that the backend sees. */
export const addPrefix: FilterSchema<string, string> = {
  schema: pathPrefix(),
  describe: "Puts this prefix before the path that the backend sees.",
};
