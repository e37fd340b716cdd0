/** One HTTPS request of the control plane to an issuer. */

import { Buffer } from "node:buffer";
import { Agent, request as httpsRequest } from "node:https";

import { AcmeError } from "./problem.ts";

/** What is sent. */
export interface AcmeRequest {
  readonly method: "GET" | "HEAD" | "POST";
  readonly url: string;
  /** JSON; only with POST. */
  readonly body?: string;
  readonly accept?: string;
}

/** What comes back. */
export interface AcmeAnswer {
  readonly status: number;
  /** Names in lower case; of several fields of a name, the values with commas between. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Sends a request. Rejects with an AcmeError if there is no answer. */
export type AcmeFetch = (request: AcmeRequest) => Promise<AcmeAnswer>;

/** Longest time without a byte, milliseconds. */
const SILENCE = 30_000;
/** Largest answer: chains are some kilobytes. */
const LARGEST = 1024 * 1024;

/**
 * Requests by node:https, which takes issuers of its own; the built-in `fetch` does not.
 * @param ca PEM of whom to believe instead of the roots that Node.js has; null: these
 */
export function httpsFetch(ca: string | null, userAgent: string): AcmeFetch {
  const agent = new Agent({ keepAlive: true, maxSockets: 8, ...(ca === null ? {} : { ca }) });
  return (request) =>
    new Promise((resolve, reject) => {
      const fail = (detail: string): void =>
        reject(new AcmeError({ reason: "network", detail: `${hostOf(request.url)}: ${detail}` }));
      const { method, url, body, accept } = request;
      const outgoing = httpsRequest(
        url,
        {
          method,
          agent,
          timeout: SILENCE,
          headers: {
            "user-agent": userAgent,
            ...(accept === undefined ? {} : { accept }),
            ...(body === undefined
              ? {}
              : {
                  "content-type": "application/jose+json",
                  "content-length": Buffer.byteLength(body),
                }),
          },
        },
        (response) => {
          const pieces: Buffer[] = [];
          let length = 0;
          response.on("data", (piece: Buffer) => {
            length += piece.length;
            if (length > LARGEST) outgoing.destroy(new Error("its answer is too long"));
            else pieces.push(piece);
          });
          response.on("error", (error) => fail(error.message));
          response.on("end", () => {
            const headers: Record<string, string> = {};
            for (const [name, value = ""] of Object.entries(response.headers)) {
              headers[name] = Array.isArray(value) ? value.join(", ") : value;
            }
            const text = Buffer.concat(pieces).toString("utf8");
            resolve({ status: response.statusCode ?? 0, headers, body: text });
          });
        },
      );
      outgoing.on("timeout", () => outgoing.destroy(new Error("it does not answer")));
      outgoing.on("error", (error) => fail(error.message));
      outgoing.end(body);
    });
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}
