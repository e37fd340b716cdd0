/**
 * Keys: what has to be the same for an answer to be used again. Everything that the backend is told of where the
 * request was meant to go is part of it, so that no client can have an answer stored for others which it has
 * shaped by a field that they do not send: the forwarded fields, the host and the target as they are sent, byte for
 * byte. What the route takes out of the key (parameters of the query) is the configuration's own decision.
 */

import { HEADER } from "#core/http/header-names.ts";
import type { HeaderList } from "#core/http/header-list.ts";
import type { RequestHead } from "#core/http/message.ts";
import type { CacheOptions, QueryKey } from "./options.ts";

/** A key, and how much of it is the URL. */
export interface CacheKey {
  readonly text: string;
  /** `text` begins with the URL, of that length. */
  readonly urlLength: number;
}

const FORWARDED_IDS = [
  HEADER["x-forwarded-proto"],
  HEADER["x-forwarded-host"],
  HEADER["x-forwarded-port"],
  HEADER["x-forwarded-prefix"],
];

/**
 * The key of a request as it is about to be sent.
 *
 * @param identity of the route: two routes never share
 * @param target, host as they are sent
 */
export function keyOf(
  request: RequestHead,
  scheme: string,
  identity: string,
  target: string,
  host: string,
  options: CacheOptions,
): CacheKey {
  const { headers } = request;
  const url = urlOf(scheme, request.authority, request.target, options.query);
  let text = `${url}\n${identity}\n`;
  if (target !== request.target) text += keptTarget(target, options.query);
  text += `\n${host}`;
  for (const id of FORWARDED_IDS) text += `\n${valueOf(headers, id)}`;
  return { text, urlLength: url.length };
}

/** The URL by which an answer is purged and invalidated. */
export function urlOf(scheme: string, authority: string, target: string, query: QueryKey): string {
  return `${scheme}://${authority.toLowerCase()}${keptTarget(target, query)}`;
}

function keptTarget(target: string, query: QueryKey): string {
  if (query.kind === "all") return target;
  const mark = target.indexOf("?");
  if (mark < 0) return target;
  const kept = target
    .slice(mark + 1)
    .split("&")
    .filter((part) => part !== "" && isKept(part, query))
    .sort();
  const path = target.slice(0, mark);
  return kept.length === 0 ? path : `${path}?${kept.join("&")}`;
}

function isKept(part: string, query: Exclude<QueryKey, { kind: "all" }>): boolean {
  const equals = part.indexOf("=");
  const name = equals < 0 ? part : part.slice(0, equals);
  const listed = query.names.some((one) =>
    one.endsWith("*") ? name.startsWith(one.slice(0, -1)) : name === one,
  );
  return query.kind === "only" ? listed : !listed;
}

function valueOf(headers: HeaderList, id: number): string {
  const index = headers.indexOf(id);
  return index < 0 ? "" : headers.valueAt(index);
}
