/**
 * Text with placeholders, as filters take it in their options: `https://{host}{path}`. Read once in the control plane,
 * linked once in each worker; a text without placeholders costs nothing at run time.
 *
 *     {client_ip} {host} {method} {path} {query} {request_id} {route} {scheme} {params.NAME}
 *
 * `{{` stands for `{`; a `}` that closes nothing stands for itself.
 */

import { suggest } from "#core/suggest.ts";
import type { Parsed } from "#core/units.ts";
import type { FilterContext } from "./filter.ts";

/** What a placeholder may name, apart from `params.NAME`. */
export type Placeholder =
  /** The client's address by the trusted-proxy rule; "" on unix sockets. */
  | "client_ip"
  /** The host that the client asked for, without its port. */
  | "host"
  | "method"
  /** The path as the route saw it, still percent-encoded, without query; begins with `/` (also for `OPTIONS *`). */
  | "path"
  /** What follows `?`; "" if there is none. */
  | "query"
  | "request_id"
  /** The route's name. */
  | "route"
  /** `http` or `https`. */
  | "scheme";

/** A piece of a template. */
export type TemplatePart =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "placeholder"; readonly name: Placeholder }
  /** A `:name` segment of the route's match, still percent-encoded; "" if the match that was taken has none of that name. */
  | { readonly kind: "param"; readonly name: string };

/** A text with placeholders, taken apart: plain data. Two text parts never stand side by side. */
export type Template = readonly TemplatePart[];

/** Makes the text for one exchange. */
export type Render = (context: FilterContext) => string;

const READERS: Readonly<Record<Placeholder, Render>> = {
  client_ip: (context) => context.clientIp,
  host: ({ request }) => request.authority.replace(/:\d*$/, ""),
  method: ({ request }) => request.method,
  path: ({ request }) => (request.path.startsWith("/") ? request.path : "/"),
  query: ({ request }) => request.query,
  request_id: (context) => context.requestId,
  route: (context) => context.route,
  scheme: ({ request }) => request.scheme,
};

const NAMES = Object.keys(READERS) as Placeholder[];

/** Takes a text with placeholders apart. Refuses unknown placeholders and a `{` that opens none. */
export function parseTemplate(written: string): Parsed<Template> {
  const parts: TemplatePart[] = [];
  let text = "";
  let at = 0;
  while (at < written.length) {
    const open = written.indexOf("{", at);
    text += written.slice(at, open < 0 ? undefined : open);
    if (open < 0) break;
    if (written[open + 1] === "{") {
      text += "{";
      at = open + 2;
      continue;
    }
    const close = written.indexOf("}", open);
    if (close < 0) {
      return {
        ok: false,
        message: `\`${written.slice(open, open + 40)}\` opens a placeholder and does not close it`,
        hint: "write `{{` for a brace",
      };
    }
    const part = parsePlaceholder(written.slice(open + 1, close));
    if (!part.ok) return part;
    if (text !== "") parts.push({ kind: "text", text });
    text = "";
    parts.push(part.value);
    at = close + 1;
  }
  if (text !== "") parts.push({ kind: "text", text });
  return { ok: true, value: parts };
}

function parsePlaceholder(name: string): Parsed<TemplatePart> {
  const known = NAMES.find((candidate) => candidate === name);
  if (known !== undefined) return { ok: true, value: { kind: "placeholder", name: known } };
  const param = /^params\.([A-Za-z_][A-Za-z0-9_]*)$/.exec(name);
  if (param?.[1] !== undefined) return { ok: true, value: { kind: "param", name: param[1] } };
  return {
    ok: false,
    message: `there is no placeholder \`{${name.slice(0, 40)}}\``,
    hint: placeholderHint(name),
  };
}

function placeholderHint(name: string): string {
  const near = suggest(name, NAMES);
  if (near !== undefined) return `did you mean \`{${near}}\`?`;
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    const known = NAMES.map((each) => `\`{${each}}\``).join(" ");
    return `a \`:${name}\` of the match is \`{params.${name}}\`; known are ${known}`;
  }
  return "write `{{` for a brace";
}

/** The text of a template that has no placeholders; `undefined` if it has some. */
export function staticText(template: Template): string | undefined {
  if (template.length === 0) return "";
  const [first] = template;
  return template.length === 1 && first?.kind === "text" ? first.text : undefined;
}

/** Makes the function that fills the placeholders in. */
export function linkTemplate(template: Template): Render {
  const constant = staticText(template);
  if (constant !== undefined) return () => constant;
  const renders = template.map(linkPart);
  return (context) => {
    let text = "";
    for (const render of renders) text += render(context);
    return text;
  };
}

function linkPart(part: TemplatePart): Render {
  switch (part.kind) {
    case "text":
      return () => part.text;
    case "placeholder":
      return READERS[part.name];
    case "param":
      return ({ request }) => {
        const { params } = request;
        // Own members only: `params.constructor` is no segment of a path.
        return Object.hasOwn(params, part.name) ? (params[part.name] ?? "") : "";
      };
  }
}
