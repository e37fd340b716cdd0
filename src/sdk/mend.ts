/**
 * Answers of a backend that was asked for another path, or by another host, than the client had asked for: what they say
 * of the site's own places is made to lead there again.
 */

import type { FilterContext } from "./filter.ts";

/** What becomes of a path of the backend; begins with `/`, without query. */
export type MendPath = (path: string) => string;

/** Fields that hold one reference (RFC 9110, 10.2.2 and 8.7). */
const REFERENCES = ["location", "content-location"] as const;

/**
 * Mends `Location`, `Content-Location`, `Refresh`, `Link` and, of `Set-Cookie`, `Path` and `Domain`. A reference to
 * another site, and one that begins with no slash, stays as it is.
 */
export function mendResponse({ request, response }: FilterContext, path: MendPath): void {
  const site: Site = {
    origin: `${request.scheme}://${request.authority}`,
    asked: request.authority.toLowerCase(),
    sent: request.host.toLowerCase(),
    path,
  };
  const { headers } = response;
  const mend = (name: string, change: (value: string) => string): void => {
    if (!headers.has(name)) return;
    const values = headers.getAll(name);
    const mended = values.map(change);
    if (mended.every((value, index) => value === values[index])) return;
    headers.delete(name);
    for (const value of mended) headers.append(name, value);
  };
  for (const name of REFERENCES) mend(name, (value) => mendReference(value, site));
  mend("refresh", (value) => mendRefresh(value, site));
  mend("link", (value) => mendLink(value, site));
  mend("set-cookie", (value) => mendCookie(value, site));
}

interface Site {
  /** As the client has it. */
  readonly origin: string;
  /** Host with port that the client asked for, and the one that the backend was asked for ("": its own). */
  readonly asked: string;
  readonly sent: string;
  readonly path: MendPath;
}

function mendReference(reference: string, site: Site): string {
  const parts = /^(?:(https?):)?\/\/([^/?#]*)(.*)$/is.exec(reference);
  if (parts === null) return reference.startsWith("/") ? mendTarget(reference, site) : reference;
  const [, , authority = "", target = ""] = parts;
  const host = authority.toLowerCase();
  if (host === "" || (host !== site.asked && host !== site.sent)) return reference;
  const mended = mendTarget(target.startsWith("/") ? target : `/${target}`, site);
  // To the host that the client knows: whoever leads to https from http means it.
  if (host === site.asked) return reference.slice(0, reference.length - target.length) + mended;
  return site.origin + mended;
}

function mendTarget(target: string, { path }: Site): string {
  const end = target.search(/[?#]/);
  return end < 0 ? path(target) : path(target.slice(0, end)) + target.slice(end);
}

/** `5; url=/path`: as the HTML standard reads it. */
function mendRefresh(value: string, site: Site): string {
  return value.replace(
    /^(\s*[\d.]+\s*[;,]\s*(?:url\s*=\s*)?(["']?))([^"']+)/i,
    (_, before: string, _quote: string, reference: string) =>
      before + mendReference(reference, site),
  );
}

/** `<reference>; rel=next, …` (RFC 8288); what stands in quotes is left alone. */
function mendLink(value: string, site: Site): string {
  return value.replace(/"(?:[^"\\]|\\.)*"|<([^>]*)>/g, (whole, reference?: string) =>
    reference === undefined ? whole : `<${mendReference(reference, site)}>`,
  );
}

/** The attributes behind the first semicolon (RFC 6265, 4.1.1). */
function mendCookie(value: string, site: Site): string {
  const [pair = "", ...attributes] = value.split(";");
  const mended = attributes.flatMap((attribute) => {
    const [, name = "", text = ""] = /^\s*(path|domain)\s*=\s*(.*?)\s*$/i.exec(attribute) ?? [];
    if (name.toLowerCase() === "path" && text.startsWith("/")) {
      const path = site.path(text);
      if (path === text) return [attribute];
      // A path with a slash at its end does not hold for itself.
      return [` Path=${text === "/" && path.length > 1 ? path.replace(/\/$/, "") : path}`];
    }
    const isForeign =
      name.toLowerCase() === "domain" &&
      site.sent !== site.asked &&
      text.toLowerCase().replace(/^\./, "") === nameOf(site.sent);
    return isForeign ? [] : [attribute];
  });
  return [pair, ...mended].join(";");
}

function nameOf(authority: string): string {
  return authority.replace(/:\d*$/, "");
}
