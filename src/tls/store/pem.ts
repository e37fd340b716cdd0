/** PEM as people have it (RFC 7468): with Windows line breaks, byte order marks, texts between the blocks. */

import { Buffer } from "node:buffer";

/** One block. */
export interface PemBlock {
  /** `CERTIFICATE`, `PRIVATE KEY` … */
  readonly label: string;
  /** The block again, with its two lines and plain line breaks. */
  readonly text: string;
  /** It has a head of its own that says that it is encrypted (RFC 1421). */
  readonly encrypted: boolean;
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----((?:(?!-----)[^])*)-----END \1-----/g;

/** What a file holds: text in any encoding that editors write. */
export function textOf(bytes: Uint8Array): string {
  const encoding =
    bytes[0] === 0xff && bytes[1] === 0xfe
      ? "utf-16le"
      : bytes[0] === 0xfe && bytes[1] === 0xff
        ? "utf-16be"
        : "utf-8";
  return new TextDecoder(encoding).decode(bytes);
}

/** All complete blocks. */
export function readPem(text: string): PemBlock[] {
  return Array.from(text.matchAll(BLOCK), ([, label = "", body = ""]) => {
    const lines = body.split(/\r\n|\r|\n/).map((line) => line.trim());
    const encrypted = lines.some((line) => /^Proc-Type:.*ENCRYPTED/.test(line));
    return {
      label,
      text: `-----BEGIN ${label}-----\n${lines.join("\n").replace(/^\n+|\n+$/g, "")}\n-----END ${label}-----\n`,
      encrypted: encrypted || label === "ENCRYPTED PRIVATE KEY",
    };
  });
}

/** Whether a block has begun that does not end, as in a file that is still being written. */
export function isCutOff(text: string): boolean {
  const begins = text.match(/-----BEGIN /g)?.length ?? 0;
  return begins > readPem(text).length;
}

/** DER as a block. */
export function writePem(label: string, bytes: Uint8Array): string {
  const lines = Buffer.from(bytes)
    .toString("base64")
    .match(/.{1,64}/g);
  return `-----BEGIN ${label}-----\n${(lines ?? []).join("\n")}\n-----END ${label}-----\n`;
}
