import { CONTINUE, type FilterKind, refuse } from "#sdk/index.ts";
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
    const refusal = refuse("request_body_too_large", `more than ${max} bytes`);
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
