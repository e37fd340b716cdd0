/** Clients that send exactly the bytes that a test wants. */

import { once } from "node:events";
import { connect } from "node:net";
import { Wire } from "./wire.ts";

/** Connects to a port of 127.0.0.1. */
export async function connectTo(port: number): Promise<Wire> {
  const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true, noDelay: true });
  await once(socket, "connect");
  return new Wire(socket);
}

/** A request as text. Fields as `Name: value`; `Host` is added. */
export function request(startLine: string, fields: readonly string[] = [], body = ""): string {
  const host = startLine.endsWith("HTTP/1.0") ? [] : ["Host: app.test"];
  return `${[startLine, ...host, ...fields].join("\r\n")}\r\n\r\n${body}`;
}

/** `GET target`. */
export function get(target: string, ...fields: string[]): string {
  return request(`GET ${target} HTTP/1.1`, fields);
}

/** `POST target` with a body of that length. */
export function post(target: string, body: string, ...fields: string[]): string {
  return request(`POST ${target} HTTP/1.1`, [`Content-Length: ${body.length}`, ...fields], body);
}
