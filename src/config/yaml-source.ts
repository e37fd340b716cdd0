/**
 * YAML and JSON (of which YAML is a superset) with the place of every key and value.
 */
import {
  type Document,
  type Node,
  type Pair,
  type ParsedNode,
  LineCounter,
  type YAMLError,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  parseAllDocuments,
} from "yaml";
import type { Diagnostic } from "./diagnostic.ts";
import type { ConfigPath, SourceIndex, SourcePosition } from "./source-map.ts";

/** How often aliases may be resolved in all; a "billion laughs" needs far more, an honest file far fewer. */
const MAX_ALIASES = 200;

/** A parsed text. */
export interface YamlSource {
  readonly index: SourceIndex;
  /** The value; undefined when `broken`. */
  readonly value: unknown;
  /** Everything that the parser has to say. */
  readonly diagnostics: readonly Diagnostic[];
  /** True when the text could not be understood, so that checking its value makes no sense. */
  readonly broken: boolean;
}

/** Parses `text`; `file` is the name that diagnostics print. Never throws. */
export function parseYaml(text: string, file: string): YamlSource {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    merge: true,
    prettyErrors: false,
    logLevel: "silent",
    stringKeys: true,
  });
  const locate = (start: number, end: number): SourcePosition => {
    const { line, col } = lines.linePos(start);
    const lineEnd = text.indexOf("\n", start);
    const until = lineEnd < 0 ? end : Math.min(end, lineEnd);
    return { file, line, column: col, length: Math.max(1, until - start) };
  };
  const report = (
    at: SourcePosition,
    severity: Diagnostic["severity"],
    words: Words,
  ): Diagnostic => ({
    severity,
    ...at,
    path: "",
    message: words.message,
    hint: words.hint,
  });
  const [document, ...others] = Array.isArray(documents) ? documents : [];
  if (document === undefined) {
    return {
      index: yamlIndex(undefined, file, text, locate),
      value: null,
      diagnostics: [],
      broken: false,
    };
  }
  const diagnostics: Diagnostic[] = [];
  const reported = new Set<number>();
  for (const error of [...document.errors, ...document.warnings]) {
    const at = locate(error.pos[0], error.pos[1]);
    // What the parser says of the same line a second time follows from the first.
    if (at.line === null || reported.has(at.line)) continue;
    reported.add(at.line);
    const severity = error.name === "YAMLWarning" ? "warning" : "error";
    const words = explain(error, text);
    const first = error.code === "DUPLICATE_KEY" ? firstOfKey(document, error.pos[0]) : undefined;
    const message =
      first === undefined
        ? words.message
        : `${words.message}, first on line ${lines.linePos(first).line}`;
    diagnostics.push(report(at, severity, { ...words, message }));
  }
  const [second] = others;
  if (second !== undefined) {
    diagnostics.push(
      report(locate(second.range[0], second.range[0] + 1), "error", {
        message: "the file holds a second YAML document",
        hint: "a configuration is one document: remove the `---` and what follows it",
      }),
    );
  }
  // A key that stands twice leaves a sound tree, so the rest of the file can still be checked.
  let broken = document.errors.some((error) => error.code !== "DUPLICATE_KEY");
  let value: unknown;
  if (!broken) {
    try {
      value = document.toJS({ maxAliasCount: MAX_ALIASES });
    } catch (error) {
      broken = true;
      const message = error instanceof Error ? error.message : String(error);
      const [start, end] = firstAlias(document, message);
      diagnostics.push(report(locate(start, end), "error", explainAlias(message)));
    }
  }
  return { index: yamlIndex(document, file, text, locate), value, diagnostics, broken };
}

type Locate = (start: number, end: number) => SourcePosition;

function yamlIndex(
  document: Document.Parsed | undefined,
  file: string,
  text: string,
  locate: Locate,
): SourceIndex {
  return {
    file,
    text,
    find(path, part) {
      if (document === undefined) return undefined;
      const found = findNode(document, path);
      const node = part === "key" ? (found?.key ?? found?.value) : (found?.value ?? found?.key);
      const range = node?.range;
      return range === null || range === undefined ? undefined : locate(range[0], range[1]);
    },
  };
}

interface Found {
  readonly key: Node | undefined;
  readonly value: Node | undefined;
}

function findNode(document: Document.Parsed, path: ConfigPath): Found | undefined {
  let found: Found = { key: undefined, value: document.contents ?? undefined };
  for (const step of path) {
    const next = child(resolve(found.value, document), step, document);
    if (next === undefined) return undefined;
    found = next;
  }
  return found;
}

function child(
  node: Node | undefined,
  step: string | number,
  document: Document.Parsed,
): Found | undefined {
  if (isSeq(node)) {
    const item = node.items[Number(step)];
    return isNode(item) ? { key: undefined, value: item } : undefined;
  }
  if (!isMap(node)) return undefined;
  let merged: Found | undefined;
  for (const pair of node.items) {
    const key = keyOf(pair);
    if (key === String(step)) return foundPair(pair);
    if (key === "<<") merged = fromMerge(pair, step, document) ?? merged;
  }
  return merged;
}

/** A key that came from `<<: *anchor`, or from one of `<<: [*a, *b]`. */
function fromMerge(
  pair: Pair,
  step: string | number,
  document: Document.Parsed,
): Found | undefined {
  const value = isNode(pair.value) ? resolve(pair.value, document) : undefined;
  const sources = isSeq(value) ? value.items : [value];
  for (const source of sources) {
    const found = child(isNode(source) ? resolve(source, document) : undefined, step, document);
    if (found !== undefined) return found;
  }
  return undefined;
}

function resolve(node: Node | undefined, document: Document.Parsed): Node | undefined {
  return isAlias(node) ? node.resolve(document) : node;
}

function keyOf(pair: Pair): string | undefined {
  return isScalar(pair.key) ? String(pair.key.value) : undefined;
}

function foundPair(pair: Pair): Found {
  return {
    key: isNode(pair.key) ? pair.key : undefined,
    value: isNode(pair.value) ? pair.value : undefined,
  };
}

interface Words {
  readonly message: string;
  readonly hint: string | null;
}

/** The parser's errors in plain words. */
function explain(error: YAMLError, text: string): Words {
  switch (error.code) {
    case "DUPLICATE_KEY":
      return { message: "this key stands twice", hint: "remove one of the two, or join them" };
    case "TAB_AS_INDENT":
      return { message: "YAML is not indented with tabs", hint: "use spaces" };
    case "BAD_INDENT":
      return explainIndent(error);
    case "MISSING_CHAR":
      return explainMissing(error);
    case "UNEXPECTED_TOKEN":
    case "BAD_SCALAR_START":
    case "BLOCK_AS_IMPLICIT_KEY":
    case "MULTILINE_IMPLICIT_KEY":
    case "BLOCK_IN_FLOW":
      return { message: lowerFirst(error.message), hint: syntaxHint(text, error.pos[0]) };
    case "BAD_ALIAS":
      return { message: lowerFirst(error.message), hint: ALIAS_HINT };
    case "NON_STRING_KEY":
      return { message: "a key must be a string", hint: "quote it" };
    case "TAG_RESOLVE_FAILED":
      return { message: "this `!` tag is not known", hint: "remove it" };
    case "BAD_DQ_ESCAPE":
      return {
        message: lowerFirst(error.message),
        hint: "between double quotes a backslash is written `\\\\`; between single quotes it stands for itself",
      };
    default:
      return {
        message: lowerFirst(error.message),
        hint: "see the YAML of `sluice init` for an example",
      };
  }
}

const ALIAS_HINT = 'quote a value that begins with `*` or `&`: "*.example.com"';

function explainIndent(error: YAMLError): Words {
  if (/flow/i.test(error.message)) {
    return {
      message: "a `{` or `[` above is not closed",
      hint: "close it, and indent what stands between its brackets",
    };
  }
  return {
    message: "the indentation does not fit the lines above",
    hint: "keys of one block begin in the same column",
  };
}

function explainMissing(error: YAMLError): Words {
  const quote = /closing (["'])quote/.exec(error.message)?.[1];
  if (quote !== undefined) {
    return {
      message: `a text that begins with ${quote} is not closed`,
      hint: `add the closing ${quote}`,
    };
  }
  return {
    message: lowerFirst(error.message),
    hint: "look for a missing bracket, comma or quote before it",
  };
}

function syntaxHint(text: string, position: number): string {
  const start = text.lastIndexOf("\n", position - 1) + 1;
  const line = text.slice(start).split("\n", 1)[0] ?? "";
  if (line.includes("${")) return 'between brackets a reference is quoted: "${NAME}"';
  if (/\[[0-9a-fA-F:.]*\]:/.test(line)) {
    return 'quote an IPv6 address: "[::1]:8080"';
  }
  return "look at the indentation, and quote values that hold `: ` or begin with a special character";
}

/** YAML says `Unresolved alias …` or `Excessive alias count …` only when the value is made. */
function explainAlias(message: string): Words {
  if (message.includes("Excessive alias count")) {
    return {
      message: "aliases (`*name`) are used too often",
      hint: `at most ${MAX_ALIASES} in all: write the repeated parts out`,
    };
  }
  const name = /alias.*?:\s*(\S+)$/.exec(message)?.[1];
  if (name === undefined) return { message: lowerFirst(message), hint: ALIAS_HINT };
  return {
    message: `YAML takes \`*${name}\` for an alias, and nothing before it is called \`&${name}\``,
    hint: `quote it: "*${name}"`,
  };
}

/** Where the key that stands again at offset `again` stands for the first time. */
function firstOfKey(document: Document.Parsed, again: number): number | undefined {
  const stack: unknown[] = [document.contents];
  while (stack.length > 0) {
    const node = stack.pop();
    if (isMap(node)) {
      const keys = node.items.map((pair) => (isScalar(pair.key) ? pair.key : null));
      const repeated = keys.find((key) => key?.range?.[0] === again);
      if (repeated) return keys.find((key) => key?.value === repeated.value)?.range?.[0];
    }
    if (isPair(node)) stack.push(node.value);
    else if (isMap(node) || isSeq(node)) stack.push(...node.items);
  }
  return undefined;
}

/** Position of the alias that `message` names, or of the first one. */
function firstAlias(document: Document.Parsed, message: string): readonly [number, number] {
  const name = /:\s*(\S+)$/.exec(message)?.[1];
  const stack: unknown[] = [document.contents];
  let first: readonly [number, number] = [0, 1];
  while (stack.length > 0) {
    const node = stack.pop() as ParsedNode | Pair | null;
    if (isAlias(node) && node.range !== null && node.range !== undefined) {
      first = [node.range[0], node.range[1]];
      if (node.source === name) return first;
    }
    if (isPair(node)) stack.push(node.value, node.key);
    else if (isMap(node) || isSeq(node)) stack.push(...node.items.toReversed());
  }
  return first;
}

function lowerFirst(text: string): string {
  const line = text.split("\n", 1)[0] ?? "";
  return line.charAt(0).toLowerCase() + line.slice(1).replace(/[.:]$/, "");
}
