/** Requests as bytes, the same for every peer: distinct heads like a browser's, from a seed. */

/** Numbers that look random and are the same in every run (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const SECTIONS = ["shop", "news", "account", "assets/img", "api/v2/items", "search", "docs/guide"];
const WORDS = ["blue", "winter", "report", "chair", "update", "garden", "release", "city", "light"];
const LANGUAGES = ["en-GB,en;q=0.9", "de-DE,de;q=0.9,en;q=0.7", "fr-FR,fr;q=0.9,en-US;q=0.6"];
const PLATFORMS = [
  ["Windows", "Windows NT 10.0; Win64; x64"],
  ["macOS", "Macintosh; Intel Mac OS X 10_15_7"],
  ["Linux", "X11; Linux x86_64"],
] as const;

/** `count` distinct GET heads of 16 fields and about 800 bytes; `prefix` is put before the path of the n-th. */
export function browserHeads(
  count: number,
  prefix: (index: number) => string = () => "",
): readonly string[] {
  const random = generator(20_261_124);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const hex = (digits: number): string =>
    Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join("");
  const path = (): string => {
    const words = Array.from({ length: 1 + Math.floor(random() * 3) }, () => pick(WORDS));
    const query = random() < 0.6 ? `?page=${Math.floor(random() * 500)}&ref=${hex(8)}` : "";
    return `/${pick(SECTIONS)}/${words.join("-")}-${hex(6)}${query}`;
  };
  return Array.from({ length: count }, (_, index) => {
    const [platform, system] = pick(PLATFORMS);
    const version = 140 + Math.floor(random() * 12);
    // The number makes heads distinct whatever chance says.
    const cookies = [
      `session=${hex(32)}`,
      `visit=${index}.${Math.floor(random() * 1e9)}`,
      `theme=${pick(["dark", "light"])}`,
      `consent=${hex(12)}`,
      ...(random() < 0.5 ? [`_ga=GA1.1.${Math.floor(random() * 1e9)}.17${hex(8)}`] : []),
    ];
    return [
      `GET ${prefix(index)}${path()} HTTP/1.1`,
      "Host: www.bench.example",
      "Connection: keep-alive",
      `sec-ch-ua: "Chromium";v="${version}", "Not)A;Brand";v="8"`,
      "sec-ch-ua-mobile: ?0",
      `sec-ch-ua-platform: "${platform}"`,
      "DNT: 1",
      "Upgrade-Insecure-Requests: 1",
      `User-Agent: Mozilla/5.0 (${system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${version}.0.0.0 Safari/537.36`,
      "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
      "Sec-Fetch-Site: same-origin",
      "Sec-Fetch-Mode: navigate",
      "Sec-Fetch-Dest: document",
      `Referer: https://www.bench.example${path()}`,
      "Accept-Encoding: gzip, deflate, br, zstd",
      `Accept-Language: ${pick(LANGUAGES)}`,
      `Cookie: ${cookies.join("; ")}`,
      "",
      "",
    ].join("\r\n");
  });
}

/** A small request: two fields. */
export function bareRequest(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: www.bench.example\r\nAccept: */*\r\n\r\n`;
}

/** A request after which the connection is to end. */
export function lastRequest(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: www.bench.example\r\nConnection: close\r\n\r\n`;
}

/** A request with a body of `bytes` bytes. */
export function postRequest(path: string, bytes: number): string {
  return (
    `POST ${path} HTTP/1.1\r\nHost: www.bench.example\r\nContent-Type: application/octet-stream\r\n` +
    `Content-Length: ${bytes}\r\n\r\n${"x".repeat(bytes)}`
  );
}
