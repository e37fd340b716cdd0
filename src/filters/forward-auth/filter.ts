import {
  type Answer,
  CONTINUE,
  type FilterContext,
  type FilterKind,
  HeaderList,
  type Verdict,
  refuse,
  respond,
} from "#sdk/index.ts";
import type { ForwardAuthOptions } from "./config.ts";

/** The most of an answer that is passed on to the client. */
const MAX_BODY = 64 * 1024;

/** Fields of the answer that belong to its connection and framing, or are the proxy's. */
const NOT_PASSED = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "content-length",
  "proxy-authenticate",
  "proxy-authorization",
  "date",
  "via",
]);

/** Asks another server whether a request may pass. */
export const forwardAuth: FilterKind<ForwardAuthOptions, AbortController> = {
  name: "forwardAuth",
  stability: "stable",
  securityPosture: "untrusted-both",
  pure: false,
  create(options, { ask }) {
    const { to, path, method, host, copy, timeout, onFailure } = options;
    const settle = (context: FilterContext, answer: Answer): Verdict => {
      if (!answer.ok || (answer.status >= 500 && onFailure === "allow")) {
        if (onFailure === "allow") return CONTINUE;
        return refuse(
          "auth_unavailable",
          answer.ok ? "" : `${answer.code} ${answer.detail}`.trim(),
        );
      }
      if (answer.status >= 200 && answer.status < 300) {
        for (const name of copy) context.request.own(name, answer.headers.getAll(name));
        return CONTINUE;
      }
      return respond({
        status: answer.status,
        headers: passedOn(answer.headers),
        body: method === "HEAD" ? new Uint8Array(0) : answer.body,
      });
    };
    return {
      start: () => new AbortController(),
      async onRequestHead(context) {
        const headers = questionFields(context, options.send);
        // Also if nobody answers: what only the other server may say is never the client's.
        for (const name of copy) context.request.own(name, []);
        const question = {
          method,
          target: path,
          host: host ?? undefined,
          headers,
          timeout,
          maxBody: MAX_BODY,
          signal: context.state.signal,
        };
        return settle(context, await ask(to, question));
      },
      // Who has left does not want to know any more.
      onEnd: ({ state }) => state.abort(),
    };
  },
  summary: ({ to, path, onFailure }) => `asks ${to} for ${path}, without an answer: ${onFailure}`,
};

function questionFields(
  { request, clientIp, requestId }: FilterContext,
  send: readonly string[],
): HeaderList {
  const headers = new HeaderList();
  for (const name of send) {
    for (const value of request.headers.getAll(name)) headers.append(name, value);
  }
  headers.append("X-Forwarded-Method", request.method);
  headers.append("X-Forwarded-Proto", request.scheme);
  if (request.authority !== "") headers.append("X-Forwarded-Host", request.authority);
  headers.append("X-Forwarded-Uri", request.target);
  if (clientIp !== "") headers.append("X-Forwarded-For", clientIp);
  headers.append("X-Request-Id", requestId);
  return headers;
}

function passedOn(headers: HeaderList): Record<string, string[]> {
  const nominated = (headers.get("connection") ?? "").toLowerCase().split(/\s*,\s*/);
  const passed: Record<string, string[]> = {};
  for (const [written, value] of headers) {
    const name = written.toLowerCase();
    if (NOT_PASSED.has(name) || nominated.includes(name)) continue;
    (passed[name] ??= []).push(value);
  }
  return passed;
}
