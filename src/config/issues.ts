/**
 * From the schema's findings to sentences: every kind of zod issue in plain words, with what to do next. zod's own texts
 * never reach a person.
 */
import type { z } from "zod";
import { suggest } from "#core/suggest.ts";
import { kindOf, message as compose } from "#sdk/config.ts";
import { type ConfigPath, formatPath } from "./source-map.ts";

/** One finding of the schema, in words. */
export interface Finding {
  readonly path: ConfigPath;
  /** What the position should point at. */
  readonly part: "key" | "value";
  readonly message: string;
  readonly hint: string | null;
}

/** Words for keys that a later version will know: a sentence for the path of a key, with `*` for names and indexes. */
export type LaterKeys = Readonly<Record<string, string>>;

type Issue = z.core.$ZodIssue;
type RawIssue = z.core.$ZodRawIssue;

/** Between the sentences of several unknown keys, which zod reports as one issue. */
const NEXT_KEY = "\u0000";

/**
 * Words for a raw issue; given to zod as its error map, since only there the schema that complains (its keys, its
 * choices) and the value are known. Texts that a schema wrote itself do not come here.
 */
export function describeIssue(issue: RawIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return describeType(issue.expected, issue.input);
    case "invalid_value":
      return describeChoice(issue.values, issue.input);
    case "unrecognized_keys": {
      const known = knownKeys(issue.inst);
      return issue.keys.map((key) => describeUnknownKey(key, known)).join(NEXT_KEY);
    }
    case "too_small":
      return describeBound(
        issue.origin,
        "least",
        issue.minimum,
        issue.inclusive !== false,
        issue.input,
      );
    case "too_big":
      return describeBound(
        issue.origin,
        "most",
        issue.maximum,
        issue.inclusive !== false,
        issue.input,
      );
    case "not_multiple_of":
      return compose(`must be a multiple of ${issue.divisor}`, `change ${kindOf(issue.input)}`);
    case "invalid_format":
      return compose(`${kindOf(issue.input)} does not have the right form`, formHint(issue));
    case "invalid_key":
      return issue.issues[0]?.message ?? "this name is not allowed";
    case "invalid_element":
      return issue.issues[0]?.message ?? "this element is not allowed";
    case "invalid_union":
      return compose(`${kindOf(issue.input)} is none of the forms that are accepted here`);
    default:
      return compose(`${kindOf(issue.input)} is not valid here`);
  }
}

/** The findings behind zod's issues: unions resolved to the form that was meant, one finding for each unknown key. */
export function toFindings(issues: readonly Issue[], later: LaterKeys = {}): Finding[] {
  return issues.flatMap((issue) => expand(issue, issue.path as (string | number)[], later));
}

function expand(issue: Issue, path: ConfigPath, later: LaterKeys): Finding[] {
  if (issue.code === "invalid_union") return expandUnion(issue, path, later);
  if (issue.code === "unrecognized_keys") {
    const sentences = issue.message.split(NEXT_KEY);
    return issue.keys.map((key, index) => {
      const keyPath = [...path, key];
      const known = later[pattern(keyPath)];
      return finding(keyPath, "key", known ?? sentences[index] ?? "");
    });
  }
  if (issue.code === "invalid_key") return [finding(path, "key", issue.message)];
  if (issue.code === "invalid_type" && issue.message === MISSING) {
    return missing(path);
  }
  return [finding(path, "value", issue.message)];
}

function missing(path: ConfigPath): Finding[] {
  const key = path.at(-1);
  const around = path.slice(0, -1);
  const place = around.length === 0 ? "the configuration" : `\`${formatPath(around)}\``;
  return [finding(around, "key", compose(`\`${key}\` is missing`, `add \`${key}:\` to ${place}`))];
}

/**
 * Which of a union's forms was meant? The one that got farthest: of which a part inside, or the content, is wrong rather
 * than the type. If none did, the value has the wrong type for all of them.
 */
function expandUnion(
  issue: Extract<Issue, { code: "invalid_union" }>,
  path: ConfigPath,
  later: LaterKeys,
): Finding[] {
  const branches = issue.errors.map((issues) => ({ issues, score: branchScore(issues) }));
  const best = Math.max(0, ...branches.map((branch) => branch.score));
  if (best > WRONG_KIND) {
    const meant = branches
      .filter((branch) => branch.score === best)
      .reduce((a, b) => (b.issues.length < a.issues.length ? b : a));
    return meant.issues.flatMap((inner) =>
      expand(inner, [...path, ...(inner.path as (string | number)[])], later),
    );
  }
  const messages = [...new Set(issue.errors.flatMap(rootMessages))];
  if (messages.every((text) => text === MISSING)) return missing(path);
  return [finding(path, "value", joinExpectations(messages))];
}

/** What each form, down to the innermost, has to say about the value as a whole. */
function rootMessages(issues: readonly Issue[]): string[] {
  const [first] = issues;
  if (first === undefined) return [];
  if (first.code === "invalid_union") return first.errors.flatMap(rootMessages);
  if (first.code === "invalid_value" && first.message !== MISSING) {
    return [`expected ${choices(first.values)}, got ${kindOf(first.input)}`];
  }
  return [first.message];
}

/** `expected a string, got 1` and `expected a list, got 1` as `expected a string or a list, got 1`. */
function joinExpectations(messages: readonly string[]): string {
  const wanted = new Set<string>();
  let got = "something else";
  let hint: string | undefined;
  for (const text of messages) {
    const [sentence = "", advice] = text.split("\n");
    const [, what, given] = /^expected (.*), got (.*)$/.exec(sentence) ?? [];
    if (what === undefined || given === undefined) continue;
    wanted.add(what);
    got = given;
    hint ??= advice;
  }
  return compose(`expected ${listWords([...wanted], "or")}, got ${got}`, hint);
}

function listWords(words: readonly string[], conjunction: string): string {
  if (words.length <= 1) return words.join("");
  return `${words.slice(0, -1).join(", ")} ${conjunction} ${words.at(-1)}`;
}

/** The value is of another kind than this form. */
const WRONG_KIND = 0;
/** The value is of the right kind, but has keys of another form, or misspelt ones. */
const OTHER_KEYS = 0.5;
/** The value is of the right kind, or a part of it is at fault. */
const RIGHT_KIND = 1;
/** The value is nearly one of the words of this form. */
const NEAR_WORD = 2;

function branchScore(issues: readonly Issue[]): number {
  return Math.min(NEAR_WORD, ...issues.map(issueScore));
}

function issueScore(issue: Issue): number {
  if (issue.path.length > 0) return RIGHT_KIND;
  if (issue.code === "invalid_type") return WRONG_KIND;
  if (issue.code === "unrecognized_keys") return OTHER_KEYS;
  // A word that is nothing like the known ones was hardly meant to be one.
  if (issue.code === "invalid_value")
    return issue.message.includes("did you mean") ? NEAR_WORD : WRONG_KIND;
  if (issue.code === "invalid_union") return Math.max(WRONG_KIND, ...issue.errors.map(branchScore));
  // A check that says `expected … ` is about the kind of value, as zod's own type check is.
  return issue.code === "custom" && issue.message.startsWith("expected ") ? WRONG_KIND : RIGHT_KIND;
}

const MISSING = "missing";

function describeType(expected: string, input: unknown): string {
  if (input === undefined) return MISSING;
  const wanted = TYPE_WORDS[expected] ?? `a ${expected}`;
  return compose(`expected ${wanted}, got ${kindOf(input)}`, typeHint(expected, input));
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: "a string",
  number: "a number",
  int: "a whole number",
  boolean: "`true` or `false`",
  array: "a list",
  object: "a mapping of keys to values",
  record: "a mapping of names to values",
  function: "a function",
  null: "nothing",
};

function typeHint(expected: string, input: unknown): string {
  if (input === null) return "write a value, or remove the key";
  if (expected === "array") return "write `- ` before each item";
  if (expected === "string" && (typeof input === "number" || typeof input === "boolean")) {
    return `quote it: \`"${input}"\``;
  }
  if ((expected === "number" || expected === "int") && typeof input === "string") {
    return /^\d+$/.test(input) ? "remove the quotes" : "write digits only";
  }
  if (expected === "int" && typeof input === "number") return "write it without a fraction";
  if (expected === "string" && Array.isArray(input)) {
    return "give one value; if it begins with `[`, quote it";
  }
  if (expected === "boolean") return "YAML takes `true` and `false`, without quotes";
  return "see docs/reference/configuration.md for the form it takes";
}

function describeChoice(values: readonly unknown[], input: unknown): string {
  if (input === undefined) return MISSING;
  const list = choices(values);
  if (!values.some((value) => typeof value === typeof input)) {
    return compose(`expected ${list}, got ${kindOf(input)}`);
  }
  const near =
    typeof input === "string"
      ? suggest(
          input,
          values.filter((value) => typeof value === "string"),
        )
      : undefined;
  if (near !== undefined && values.length === 1) {
    return compose(`${kindOf(input)} is not known here`, `did you mean \`${near}\`?`);
  }
  const first = near === undefined ? "" : `did you mean \`${near}\`? `;
  return compose(`${kindOf(input)} is not one of the choices`, `${first}write ${list}`);
}

function formHint(issue: {
  readonly format: string;
  readonly pattern?: string | undefined;
  readonly prefix?: unknown;
  readonly suffix?: unknown;
  readonly includes?: unknown;
}): string {
  if (typeof issue.prefix === "string") return `it has to begin with \`${issue.prefix}\``;
  if (typeof issue.suffix === "string") return `it has to end with \`${issue.suffix}\``;
  if (typeof issue.includes === "string") return `it has to hold \`${issue.includes}\``;
  return issue.pattern === undefined
    ? `expected: ${issue.format}`
    : `it has to match \`${issue.pattern}\``;
}

function choices(values: readonly unknown[]): string {
  return listWords(
    values.map((value) => `\`${String(value)}\``),
    "or",
  );
}

function describeBound(
  origin: string,
  side: "least" | "most",
  bound: number | bigint,
  inclusive: boolean,
  input: unknown,
): string {
  const limit = inclusive
    ? `at ${side} ${bound}`
    : `${side === "least" ? "more" : "less"} than ${bound}`;
  if (origin === "string") {
    if (side === "least" && Number(bound) <= 1)
      return compose("the text is empty", "write a value, or remove the key");
    return compose(`the text has to have ${limit} characters`, `it has ${String(input).length}`);
  }
  if (origin === "array" || origin === "set") {
    if (side === "least" && Number(bound) <= 1)
      return compose("the list is empty", "add an item, or remove the key");
    return compose(
      `the list has to have ${limit} items`,
      side === "least" ? "add some" : "remove some",
    );
  }
  return compose(
    `${kindOf(input)} is too ${side === "least" ? "small" : "large"}`,
    `it has to be ${limit}`,
  );
}

/** An unknown key, with the nearest known one or, failing that, all of them. */
function describeUnknownKey(key: string, known: readonly string[]): string {
  const near = suggest(key, known);
  if (near !== undefined) return compose(`unknown key \`${key}\``, `did you mean \`${near}\`?`);
  if (known.length === 0)
    return compose(`unknown key \`${key}\``, "no keys are taken here: remove it");
  return compose(
    `unknown key \`${key}\``,
    `known here: ${known.map((name) => `\`${name}\``).join(", ")}`,
  );
}

/** The keys of the object schema that an issue comes from. */
function knownKeys(inst: unknown): readonly string[] {
  const shape = (inst as { _zod?: { def?: { shape?: object } } } | undefined)?._zod?.def?.shape;
  return shape === undefined ? [] : Object.keys(shape);
}

function finding(path: ConfigPath, part: "key" | "value", text: string): Finding {
  const [sentence = "", hint] = text.split("\n");
  return { path, part, message: sentence, hint: hint ?? null };
}

/** `["listen", 0, "tls"]` as `listen.*.tls`; names of upstreams are wildcards too. */
function pattern(path: ConfigPath): string {
  return path
    .map((key, index) =>
      typeof key === "number" || (path[0] === "upstreams" && index === 1) ? "*" : key,
    )
    .join(".");
}
