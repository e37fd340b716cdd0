/** `sluice hash-password`: a password as configurations have it. */

import { randomBytes, scrypt } from "node:crypto";
import { promisify } from "node:util";

import type { Terminal } from "./terminal.ts";

/** 32 MiB and some 50 ms: what OWASP recommends at least is twice that, what a proxy can give to every client is not more. */
const COST = { ln: 15, r: 8, p: 1 };

/** @returns the exit code */
export async function hashPassword(terminal: Terminal): Promise<number> {
  if (terminal.attended) terminal.err("password: ");
  const password = await terminal.readLine();
  if (password === "") {
    terminal.err("there is no password: type one, or give it on standard input\n");
    return 1;
  }
  const salt = randomBytes(16);
  const { ln, r, p } = COST;
  const derive = promisify<string, Buffer, number, object, Buffer>(scrypt);
  const hash = await derive(password, salt, 32, { N: 2 ** ln, r, p, maxmem: 256 * 2 ** ln * r });
  terminal.out(`$scrypt$ln=${ln},r=${r},p=${p}$${plain(salt)}$${plain(hash)}\n`);
  return 0;
}

/** Base64 without padding, as the PHC format has it. */
function plain(bytes: Buffer): string {
  return bytes.toString("base64").replace(/=+$/, "");
}
