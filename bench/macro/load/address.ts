/** Where a load goes to. */

import { connect, type Socket } from "node:net";
import { connect as connectSecurely } from "node:tls";
import { SERVER_NAME } from "../machine/certificates.ts";

/** A port of 127.0.0.1. */
export interface Address {
  readonly port: number;
  /** PEM of the root that the certificate there comes from; without it no TLS is spoken. */
  readonly ca?: string | undefined;
}

/** Opens a connection from this process. With TLS the certificate is verified, and no session is resumed. */
export function open({ port, ca }: Address): Socket {
  const host = "127.0.0.1";
  return ca === undefined
    ? connect({ host, port })
    : connectSecurely({ host, port, ca, servername: SERVER_NAME, minVersion: "TLSv1.3" });
}

/** The URL of a path, for wrk and ab. */
export function urlOf({ port, ca }: Address, path: string): string {
  return ca === undefined
    ? `http://127.0.0.1:${port}${path}`
    : `https://${SERVER_NAME}:${port}${path}`;
}
