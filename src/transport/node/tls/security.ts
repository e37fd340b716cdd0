import type { X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import type { Security, TlsVersion } from "../../tls.ts";

/**
 * What a socket has agreed on.
 *
 * @param certificate the peer's, as `getPeerX509Certificate` gives it. That call takes the certificates out of the
 * socket (a second one answers undefined), so whoever has called it passes them on.
 */
export function securityOf(socket: TLSSocket, certificate: X509Certificate | undefined): Security {
  const chain: Uint8Array[] = [];
  for (
    let next = certificate?.issuerCertificate;
    next !== undefined;
    next = next.issuerCertificate
  ) {
    chain.push(next.raw);
  }
  return {
    version: socket.getProtocol() as TlsVersion,
    cipher: socket.getCipher().name,
    protocol: socket.alpnProtocol === false ? "" : (socket.alpnProtocol ?? ""),
    serverName: serverNameOf(socket),
    resumed: socket.isSessionReused(),
    peerCertificate: certificate?.raw ?? null,
    peerChain: chain,
  };
}

/** The types say neither that it can be `false`, when there is none, nor that a client's socket has none at all. */
function serverNameOf(socket: TLSSocket): string | null {
  const { servername } = socket as { servername?: string | false };
  return typeof servername === "string" && servername !== "" ? servername : null;
}
