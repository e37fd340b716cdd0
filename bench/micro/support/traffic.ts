/**
 * Heads as they come in: a hundred different ones of each kind in turn, so that nothing that is remembered of one
 * request is of use for the next.
 */

import { type Slice, sliceOf } from "#core/bytes/slice.ts";

/** How many heads of each kind there are. */
const HEADS = 101;

const AGENTS = [
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
];

/** Two fields. */
export function bareRequest(n: number): string {
  return `GET /pages/${n * 7919}/index.html HTTP/1.1\r\nHost: bench${n % 7}.example\r\n\r\n`;
}

/** Sixteen fields, as a browser sends them. */
export function browserRequest(n: number): string {
  const host = `www${n % 7}.example.com`;
  return (
    `GET /app/items/${n * 104_729}?page=${n} HTTP/1.1\r\nHost: ${host}\r\nConnection: keep-alive\r\n` +
    `sec-ch-ua: "Chromium";v="${100 + n}", "Not?A_Brand";v="99"\r\nsec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: "Linux"\r\n` +
    `Upgrade-Insecure-Requests: 1\r\nUser-Agent: ${AGENTS[n % AGENTS.length]}\r\n` +
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n" +
    `Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: navigate\r\n${n % 2 === 0 ? "Sec-Fetch-User: ?1" : "DNT: 1"}\r\n` +
    `Sec-Fetch-Dest: document\r\nReferer: https://${host}/app/${n}/\r\n` +
    "Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9\r\n" +
    `Cookie: session=${(n * 15_485_863).toString(16).padStart(32, "4f1c2d")}; theme=dark; consent=1; ab=${n}\r\n\r\n`
  );
}

/** A request with a body of `length` bytes to come. */
export function upload(n: number, length: number): string {
  return (
    `POST /upload/${n} HTTP/1.1\r\nHost: bench${n % 7}.example\r\nContent-Type: application/octet-stream\r\n` +
    `Content-Length: ${length}\r\n\r\n`
  );
}

/** The head of an answer: twelve fields. */
export function answerHead(n: number, length: number): string {
  return (
    "HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Mon, 23 Nov 2026 12:00:00 GMT\r\nContent-Type: text/html; charset=utf-8\r\n" +
    `Content-Length: ${length}\r\nConnection: keep-alive\r\nCache-Control: private, max-age=${n}\r\nETag: "5f3c-${n * 7919}"\r\n` +
    "Vary: Accept-Encoding\r\nX-Frame-Options: SAMEORIGIN\r\nX-Content-Type-Options: nosniff\r\n" +
    `Strict-Transport-Security: max-age=63072000\r\nSet-Cookie: seen=${n}; Path=/; HttpOnly\r\n\r\n`
  );
}

/** Received bytes, one slice for each `n`, in the same piece of memory. */
export function slices(make: (n: number) => string): Slice[] {
  const texts = Array.from({ length: HEADS }, (_, n) => make(n));
  const bytes = new Uint8Array(texts.join("").length);
  let used = 0;
  return texts.map((text) => {
    const slice = sliceOf(bytes);
    slice.offset = used;
    slice.length = text.length;
    for (let i = 0; i < text.length; i++) bytes[used++] = text.charCodeAt(i);
    return slice;
  });
}
