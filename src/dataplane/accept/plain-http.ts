import { Buffer } from "node:buffer";

/**
 * Where a request that came without TLS meant to go, as a URL with https: from its first bytes, which nobody has checked.
 * "" when they do not say it plainly.
 */
export function spokenTo(received: Uint8Array): string {
  const text = Buffer.from(received.buffer, received.byteOffset, received.length).toString(
    "latin1",
  );
  const target = /^[A-Z-]{1,32} (\/[!-~]{0,2047}) HTTP\/1\.[01]\r\n/.exec(text)?.[1];
  const host =
    /\r\nhost:[ \t]*([a-z0-9.\-_]{1,255}(?::\d{1,5})?|\[[0-9a-f:.]+\](?::\d{1,5})?)[ \t]*\r\n/i.exec(
      text,
    )?.[1];
  return target === undefined || host === undefined ? "" : `https://${host}${target}`;
}
