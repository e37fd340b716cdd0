/** The regular expressions of matches: only those that workers can run in linear time pass. */

import type { Diagnostic } from "#config/diagnostic.ts";
import type { ConfigPath, SourceMap } from "#config/source-map.ts";
import type { Config } from "#config/types.ts";
import { compileRegex } from "#core/regex/regex.ts";
import type { ParsedMatch, ValueTest } from "#model/match.ts";
import { alternatives, firstWritten } from "./places.ts";

/** An error for each expression that is none. */
export function checkRegexes(config: Config, sources: SourceMap): Diagnostic[] {
  const errors: Diagnostic[] = [];
  const check = (source: string, places: readonly ConfigPath[]): void => {
    const compiled = compileRegex(source);
    if (compiled.ok) return;
    const place = firstWritten(sources, places);
    errors.push(sources.diagnostic("error", place, compiled.message, compiled.hint));
  };
  for (const [index, route] of config.routes.entries()) {
    for (const [at, match] of route.match.entries()) {
      const places = alternatives(index, at);
      for (const { source, below } of regexesOf(match)) {
        check(
          source,
          places.flatMap((place) => below.map((path) => [...place, ...path])),
        );
      }
    }
  }
  return errors;
}

interface Expression {
  readonly source: string;
  /** Where it can stand in the match. */
  readonly below: readonly ConfigPath[];
}

function regexesOf(match: ParsedMatch): Expression[] {
  const found: Expression[] = [];
  for (const [index, path] of match.paths.entries()) {
    if (path.kind !== "regex") continue;
    found.push({
      source: path.source,
      below: [
        ["path", index, "regex"],
        ["path", "regex"],
      ],
    });
  }
  const add = (part: string, name: string, test: ValueTest): void => {
    if (test.kind === "regex") found.push({ source: test.source, below: [[part, name, "regex"]] });
  };
  for (const { name, test } of match.headers) add("headers", name, test);
  for (const { name, test } of match.query) add("query", name, test);
  return found;
}
