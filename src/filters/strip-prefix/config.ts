import { type FilterSchema, pathPrefix } from "#sdk/config.ts";

/** Takes a prefix off the path that the backend sees. */
export const stripPrefix: FilterSchema<string, string> = {
  schema: pathPrefix(),
  describe:
    "Takes this prefix off the path, at a segment's end; what is not below it stays as it is. The backend is told in `X-Forwarded-Prefix`.",
};
