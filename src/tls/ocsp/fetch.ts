/** One exchange with a responder, bounded in time and size. */

/** Longest wait for an answer, in milliseconds. */
const TIME = 10_000;
/** Largest answer, in bytes: usual ones have 500 to 2000. */
const SIZE = 64 * 1024;

/** Asks a responder. @throws Error with a clause for people */
export type FetchOcsp = (url: string, request: Uint8Array) => Promise<Uint8Array>;

/** By HTTP, as the certificate says. */
export const fetchOcsp: FetchOcsp = async (url, request) => {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/ocsp-request", accept: "application/ocsp-response" },
    body: Uint8Array.from(request),
    redirect: "error",
    signal: AbortSignal.timeout(TIME),
  }).catch((error: unknown) => {
    throw new Error(sentenceOf(error), { cause: error });
  });
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new Error(`it answers with status ${response.status}`);
  }
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const part of response.body as AsyncIterable<Uint8Array>) {
      length += part.length;
      if (length > SIZE) throw new Error("its answer is larger than 64 KiB");
      parts.push(part);
    }
  } catch (error) {
    throw new Error(sentenceOf(error), { cause: error });
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
};

function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `it does not answer within ${TIME / 1000} s`;
  // fetch says "fetch failed", and why in its cause.
  return error.cause instanceof Error ? error.cause.message : error.message;
}
