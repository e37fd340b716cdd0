import { CONTINUE, type FilterKind, type Respond, respond } from "#sdk/index.ts";
import type { BodyLimitOptions } from "./config.ts";

/** What has arrived of one request. */
interface Received {
  bytes: number;
}

/** Bounds the body of a request. */
export const bodyLimit: FilterKind<BodyLimitOptions, Received> = {
  name: "bodyLimit",
  stability: "stable",
  securityPosture: "untrusted-both",
  pure: true,
  create({ max }) {
    const refusal = tooLarge(max);
    return {
      start: () => ({ bytes: 0 }),
      onRequestHead: ({ request }) => (request.contentLength > max ? refusal : CONTINUE),
      onRequestData({ state }, chunk) {
        // Also where a length was announced: this filter does not rely on how the body is framed.
        state.bytes += chunk.length;
        return state.bytes > max ? refusal : CONTINUE;
      },
    };
  },
};

function tooLarge(max: number): Respond {
  const code = "request_body_too_large";
  return respond({
    status: 413,
    headers: {
      "Content-Type": "text/plain; charset=utf-8",
      "Cache-Control": "no-store",
      "Proxy-Status": `sluice; error=http_request_error; details="${code}"`,
    },
    body: `413 Content Too Large\n${code}: The request's body is larger than the ${max} bytes that are taken here.\n`,
  });
}
