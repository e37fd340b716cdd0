/**
 * The grammar of `match`: `[host]/path` or a host alone, and the single patterns of the object form.
 */
import type { Parsed } from "#core/units.ts";
import type { HostPattern, ParsedMatch, PathPattern, PathSegment } from "#model/match.ts";
import { parseHost } from "./address.ts";

const PATH_HINT = "for example `/about`, `/api/*`, `/users/:id`, `/files/:path*`";
const HOST_HINT = "for example `example.com`, `*.example.com`, `**.example.com`";

type Failure = Extract<Parsed<never>, { ok: false }>;

/** Reads the short form: `/api/*`, `example.com`, `*.example.com/users/:id`. */
export function parseShortMatch(text: string): Parsed<ParsedMatch> {
  if (text === "") return failure("an empty match", "`/*` matches every request");
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(text)?.[0];
  if (scheme !== undefined) {
    return failure(
      `a match has no scheme (\`${scheme}\`)`,
      `write \`${text.slice(scheme.length)}\`: it holds for every listener`,
    );
  }
  const slash = text.indexOf("/");
  const hostText = slash < 0 ? text : text.slice(0, slash);
  let host: Parsed<HostPattern> = { ok: true, value: { kind: "any" } };
  if (hostText !== "") host = parseHostPattern(hostText);
  if (!host.ok) return host;
  let path: Parsed<PathPattern> = { ok: true, value: { kind: "any" } };
  if (slash >= 0) path = parsePathPattern(text.slice(slash));
  if (!path.ok) return path;
  return {
    ok: true,
    value: {
      hosts: [host.value],
      paths: [path.value],
      methods: [],
      headers: [],
      query: [],
      clientIp: [],
    },
  };
}

/** Reads `example.com`, `*.example.com`, `**.example.com`, `127.0.0.1`, `[::1]`, `*`. */
export function parseHostPattern(text: string): Parsed<HostPattern> {
  if (text === "*" || text === "**") return { ok: true, value: { kind: "any" } };
  const wildcard = /^(\*\*?)\./.exec(text)?.[1];
  const rest = wildcard === undefined ? text : text.slice(wildcard.length + 1);
  if (rest.includes("*")) {
    return failure(
      `\`*\` stands only for whole labels at the beginning of a host, not as in \`${text}\``,
      "`*.example.com` matches one label below example.com, `**.example.com` any depth",
    );
  }
  const port = /^(?:\[[^\]]*\]|[^:]*):\d*$/.test(rest);
  if (port) {
    const plain = text.replace(/:\d*$/, "");
    return failure("a host is matched without its port", `write \`${plain}\``);
  }
  const name = parseHost(rest);
  if (name === undefined) {
    const path = /^[\w-]+$/.test(text) ? "" : `; a path begins with \`/\``;
    return failure(`\`${text}\` is not a host`, HOST_HINT + path);
  }
  if (wildcard === undefined) {
    return { ok: true, value: { kind: "exact", name: name.includes(":") ? `[${name}]` : name } };
  }
  if (/(?:^|\.)\d+$/.test(name) || name.includes(":")) {
    return failure("addresses have no labels for a wildcard", HOST_HINT);
  }
  return { ok: true, value: { kind: wildcard === "*" ? "one-label" : "any-depth", name } };
}

/** Reads `/`, `/about`, `/api/*`, `/users/:id`, `/files/:path*`. */
export function parsePathPattern(text: string): Parsed<PathPattern> {
  if (text === "*") return failure("a path begins with `/`", "write `/*`");
  if (!text.startsWith("/")) return failure("a path begins with `/`", `write \`/${text}\``);
  const mark = /[?#]/.exec(text);
  if (mark !== null) {
    const hint =
      mark[0] === "?"
        ? "match query parameters with `query: { name: value }` in the object form"
        : "fragments never leave the browser";
    return failure(
      `a path holds no \`${mark[0]}\``,
      `${hint}; write \`${text.slice(0, mark.index)}\``,
    );
  }
  const normal = normalise(text.toWellFormed());
  if (!normal.ok) return normal;
  if (normal.value === "/*") return { ok: true, value: { kind: "any" } };
  return parseSegments(normal.value);
}

function parseSegments(text: string): Parsed<PathPattern> {
  const written = text.slice(1).split("/");
  const segments: PathSegment[] = [];
  const names = new Set<string>();
  for (const [index, segment] of written.entries()) {
    const last = index === written.length - 1;
    if (segment === "" && !last) {
      return failure(
        `\`${text}\` has an empty segment (\`//\`)`,
        `write \`${text.replaceAll(/\/{2,}/g, "/")}\``,
      );
    }
    if (segment === "." || segment === "..") {
      return failure(
        `\`${segment}\` never matches: dot segments are resolved before routing`,
        "write the path without it",
      );
    }
    if (segment === "*" && last) {
      if (names.size > 0) return restWithoutName(text);
      return { ok: true, value: { kind: "prefix", path: text.slice(0, -2) } };
    }
    const parsed = parseSegment(segment, text, last);
    if (!parsed.ok) return parsed;
    if (parsed.value.kind !== "literal") {
      if (names.has(parsed.value.name)) {
        return failure(
          `\`:${parsed.value.name}\` stands twice in \`${text}\``,
          "give each parameter its own name",
        );
      }
      names.add(parsed.value.name);
    }
    segments.push(parsed.value);
  }
  if (names.size === 0) return { ok: true, value: { kind: "exact", path: text } };
  return { ok: true, value: { kind: "pattern", segments } };
}

function parseSegment(segment: string, text: string, last: boolean): Parsed<PathSegment> {
  if (segment.startsWith(":")) {
    const parts = /^:([A-Za-z_][A-Za-z0-9_]*)(\*?)$/.exec(segment);
    const name = parts?.[1];
    if (name === undefined) {
      return failure(
        `\`${segment}\` is not a parameter`,
        "a parameter is a whole segment, `:` and a name of letters and digits: `/users/:id`",
      );
    }
    if (parts?.[2] === "") return { ok: true, value: { kind: "parameter", name } };
    if (!last) {
      return failure(
        `\`${segment}\` takes the rest of the path, so nothing can follow it`,
        `end the pattern there, or write \`:${name}\` for one segment`,
      );
    }
    return { ok: true, value: { kind: "rest", name } };
  }
  if (segment.includes("*")) {
    const before = text.slice(0, text.indexOf("*"));
    const hint =
      last && before.length > 1 && !before.endsWith("/")
        ? `\`${before}/*\` matches ${before} and everything below it`
        : "`:name` matches one segment, `/*` at the end everything below";
    return failure(`\`*\` cannot stand where it does in \`${text}\``, hint);
  }
  return { ok: true, value: { kind: "literal", text: segment } };
}

function restWithoutName(text: string): Failure {
  return failure(
    `\`*\` beside parameters needs a name in \`${text}\``,
    `write \`${text.slice(0, -1)}:rest*\``,
  );
}

/**
 * Brings a pattern to the form that routing compares with: unreserved characters decoded, other escapes with upper-case
 * hex, everything outside of URLs escaped as UTF-8.
 */
function normalise(text: string): Parsed<string> {
  let result = "";
  for (let index = 0; index < text.length;) {
    const character = String.fromCodePoint(text.codePointAt(index) ?? 0);
    index += character.length;
    if (character !== "%") {
      if (/[\u0000-\u0020\u007f"<>\\^`{|}]/.test(character)) return badCharacter(character);
      result += character > "\u007f" ? encodeURIComponent(character) : character;
      continue;
    }
    const hex = text.slice(index, index + 2);
    if (!/^[0-9a-fA-F]{2}$/.test(hex)) {
      return failure(
        "`%` is not followed by two hex digits",
        "a percent sign itself is written `%25`",
      );
    }
    index += 2;
    const decoded = String.fromCharCode(Number.parseInt(hex, 16));
    if (decoded === "\0")
      return failure("`%00` never matches: such requests are refused", PATH_HINT);
    result += /[A-Za-z0-9._~-]/.test(decoded) ? decoded : `%${hex.toUpperCase()}`;
  }
  return { ok: true, value: result };
}

function badCharacter(character: string): Failure {
  if (character === "{" || character === "}") {
    return failure(
      `a path holds no \`${character}\``,
      "a parameter is written `:id`; `{id}` is how rewrites use it",
    );
  }
  const shown =
    character <= "\u0020" || character === "\u007f"
      ? "blanks or control characters"
      : `\`${character}\``;
  const hex = character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0");
  return failure(`a path holds no ${shown}`, `in a URL it stands as \`%${hex}\``);
}

function failure(message: string, hint: string): Failure {
  return { ok: false, message, hint };
}
