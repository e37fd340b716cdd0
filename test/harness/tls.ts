/** TLS of scenes: certificates as a snapshot has them, and clients that speak it. */

import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import * as tls from "node:tls";
import type { CertificateData, ListenerTlsData, TlsPolicyData } from "#model/tls.ts";
import { type Certificates, HOST, certificates } from "#transport/certificates.fixture.ts";
import type { CertificatePair } from "#transport/tls.ts";
import type { ProxyOptions } from "./proxy.ts";
import { Wire } from "./wire.ts";

export { HOST, certificates };
export type { Certificates };

/** A certificate as the control plane hands it to workers. */
export function certificateData(
  pair: CertificatePair,
  names: readonly string[] = [HOST, "*.wild.test"],
  more: Partial<CertificateData> = {},
): CertificateData {
  return {
    source: "files",
    names,
    keyType: "ec",
    chain: pair.chain,
    key: pair.key,
    notBefore: 0,
    notAfter: 0,
    issuer: "Test",
    isPublic: false,
    fingerprint: createHash("sha256").update(pair.chain).digest("hex"),
    ocsp: null,
    ...more,
  };
}

/** A policy that asks for nothing. */
export const PLAIN_POLICY: TlsPolicyData = {
  id: "plain",
  preset: "intermediate",
  clientCertificates: null,
};

/** A policy that demands, or only asks for, a certificate of the clients' root. */
export function certificatePolicy(
  { clientRoot }: Certificates,
  mode: "require" | "request" = "require",
): TlsPolicyData {
  return { ...PLAIN_POLICY, id: mode, clientCertificates: { mode, ca: clientRoot, crl: null } };
}

/** Options of a proxy whose listener speaks TLS with the usual certificate. */
export async function secured(
  more: Partial<ListenerTlsData> = {},
): Promise<Pick<ProxyOptions, "tls" | "certificates" | "ticketSecrets">> {
  const { ecdsa } = certificates();
  return {
    tls: {
      sources: ["files"],
      fallback: null,
      policies: [PLAIN_POLICY],
      policyNames: [],
      passThrough: [],
      hsts: true,
      ...more,
    },
    certificates: [certificateData(ecdsa)],
    ticketSecrets: [Uint8Array.from(randomBytes(32))],
  };
}

/** A client's end of a connection by TLS. */
export interface SecureWire extends Wire {
  readonly socket: tls.TLSSocket;
  /** What its session can be taken up with again, when it has come. */
  readonly session: Promise<Buffer>;
}

/** A connection by TLS, after its handshake. Rejects with the error of the handshake. */
export async function connectSecurely(
  port: number,
  options: tls.ConnectionOptions = {},
): Promise<SecureWire> {
  const { root } = certificates();
  const socket = tls.connect({
    host: "127.0.0.1",
    port,
    servername: HOST,
    ca: root,
    allowHalfOpen: true,
    ...options,
  } as tls.ConnectionOptions);
  const session = new Promise<Buffer>((resolve) => socket.once("session", resolve));
  await once(socket, "secureConnect");
  return Object.assign(new Wire(socket), { session }) as SecureWire;
}

/** What a client is told that gets no connection: the code or text of its error. */
export async function refusal(port: number, options: tls.ConnectionOptions = {}): Promise<string> {
  try {
    const wire = await connectSecurely(port, options);
    // In TLS 1.3 a client may learn after its handshake that its certificate was not good.
    const [error] = (await Promise.race([
      once(wire.socket, "error").catch((caught: unknown) => [caught]),
      once(wire.socket, "data").then(() => ["served"]),
      // Node's own TLS closes without an alert.
      wire.ended.then(() => ["closed"]),
    ])) as [unknown];
    wire.socket.destroy();
    return textOf(error);
  } catch (error) {
    return textOf(error);
  }
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "code" in error ? `${String(error.code)} ${error.message}` : error.message;
}

/** A backend that speaks TLS and answers every request alike, with the head that it was sent. Ends with `close`. */
export async function startSecureOrigin(
  options: tls.TlsOptions,
  serve: (head: string, socket: tls.TLSSocket) => string,
): Promise<{ readonly port: number; readonly server: tls.Server; close(): Promise<void> }> {
  const sockets = new Set<tls.TLSSocket>();
  const server = tls.createServer(options, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    let seen = "";
    socket.on("data", (bytes: Buffer) => {
      seen += bytes.toString("latin1");
      const end = seen.indexOf("\r\n\r\n");
      if (end < 0) return;
      const head = seen.slice(0, end);
      seen = seen.slice(end + 4);
      socket.write(serve(head, socket), "latin1");
    });
  });
  server.on("tlsClientError", () => undefined);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    server,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
