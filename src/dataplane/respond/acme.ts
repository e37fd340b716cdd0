/** Answers to certificate authorities (http-01, RFC 8555 §8.3). */

import type { RequestHead } from "#core/http/message.ts";
import { filterReply, type LocalReply } from "./local-reply.ts";

const FOLDER = "/.well-known/acme-challenge/";

/**
 * What a request for a token is answered with that is known here; null for every other request: a backend may have
 * tokens of its own.
 */
export function challengeReply(
  { method, target }: Pick<RequestHead, "method" | "target">,
  challenges: ReadonlyMap<string, string>,
  wall: number,
): LocalReply | null {
  if (!target.startsWith(FOLDER) || (method !== "GET" && method !== "HEAD")) return null;
  const body = challenges.get(target.slice(FOLDER.length));
  if (body === undefined) return null;
  const headers = { "content-type": "application/octet-stream", "cache-control": "no-store" };
  return filterReply({ status: 200, headers, body }, wall);
}
