/** Answers to those who came without TLS. */

import { filterReply, type LocalReply } from "./local-reply.ts";

/**
 * The way to the same by https: 308, so that a POST stays one.
 *
 * @param hostname as it was routed by; "" is answered by 400, since there is nowhere to lead to, and so is `*`
 * @param port where TLS is spoken
 */
export function httpsRedirect(
  hostname: string,
  target: string,
  port: number,
  wall: number,
): LocalReply {
  if (hostname === "" || !target.startsWith("/")) {
    return refusal("This port only leads to https://, and the request does not say where", wall);
  }
  const host = hostname.includes(":") ? `[${hostname.replace(/^\[|\]$/g, "")}]` : hostname;
  const location = `https://${host}${port === 443 ? "" : `:${port}`}${target}`;
  return filterReply(
    {
      status: 308,
      headers: { location, "content-type": "text/plain; charset=utf-8" },
      body: `${location}\n`,
    },
    wall,
  );
}

/** Says that TLS is spoken here. `url`: where it was meant to go, "" if that is not known. */
export function plainHttpReply(url: string, wall: number): LocalReply {
  return refusal(`This port speaks TLS: use ${url === "" ? "https://" : url}`, wall);
}

function refusal(sentence: string, wall: number): LocalReply {
  return filterReply(
    {
      status: 400,
      headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" },
      body: `400 Bad Request\nplain_http: ${sentence}\n`,
    },
    wall,
  );
}
