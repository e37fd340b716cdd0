import { z } from "#sdk/config.ts";
import type { LogInput } from "../input.ts";
import type { LogConfig } from "../types.ts";

/** `log`: what is logged, and how. */
export const logSchema: z.ZodType<LogConfig, LogInput | undefined> = z
  .strictObject({
    access: z
      .enum(["auto", "json", "combined", "pretty", "off"])
      .prefault("auto")
      .describe(
        "Form of the access log on standard output: `json`, `combined` (as of Apache and nginx), `pretty` (coloured, for people), `off`; `auto` is `pretty` on a terminal, else `json`.",
      ),
    level: z
      .enum(["debug", "info", "warn", "error"])
      .prefault("info")
      .describe("Least severity of the process's own messages, on standard error."),
  })
  .prefault({})
  .describe(
    "What is logged. Credentials in well-known header fields and query parameters are redacted.",
  );
