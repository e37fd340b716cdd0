/** HAProxy, as it comes, and with `option splice-auto`. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { requireProgram } from "../../../test/harness/requires.ts";
import { freePort, launch } from "../machine/launch.ts";
import { absentProgram, type Peer, printedVersion, type StartOptions } from "./peer.ts";

const logFormat = [
  `{"time":"%[date,ltime(%Y-%m-%dT%H:%M:%S%z)]"`,
  `"client":"%ci"`,
  `"method":"%[capture.req.method,json(utf8s)]"`,
  `"uri":"%[capture.req.uri,json(utf8s)]"`,
  `"host":"%[capture.req.hdr(0),json(utf8s)]"`,
  `"status":%ST`,
  `"bytes":%B`,
  `"ms":%Ta`,
  `"backend":"%si:%sp"`,
  `"backend_ms":%Tr`,
  `"referer":"%[capture.req.hdr(1),json(utf8s)]"`,
  `"agent":"%[capture.req.hdr(2),json(utf8s)]"}`,
].join(",");

function logging({ accessLog }: StartOptions): string {
  if (!accessLog) return "";
  return `
  log global
  http-request capture req.hdr(Host) len 64
  http-request capture req.fhdr(Referer) len 256
  http-request capture req.fhdr(User-Agent) len 256
  log-format '${logFormat}'`;
}

/** What differs between the two. */
interface Flavour {
  /** Limit of connections; each may need two pipes beside its two sockets when bodies go through pipes. */
  readonly connections: number;
  readonly extra: string;
}

/** Each certificate by its file. HAProxy finds the key beside it. */
function encryption({ tls }: StartOptions): string {
  if (tls === undefined) return "";
  const files = tls.certificates.map(({ chain }) => ` crt ${chain}`);
  return ` ssl${files.join("")}`;
}

function configuration(
  options: StartOptions,
  port: number,
  { connections, extra }: Flavour,
): string {
  return `
global
  nbthread ${options.workers}
  maxconn ${connections}
  ${options.accessLog ? "log stdout len 4096 format raw local0" : ""}
defaults
  mode http
  ${extra}
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  timeout http-keep-alive 600s
frontend front
  bind 127.0.0.1:${port} backlog 4096${encryption(options)}${logging(options)}
  default_backend back
backend back
  http-reuse always
  server s 127.0.0.1:${options.backendPort}
`;
}

function haproxy(name: string, flavour: Flavour): Peer {
  return {
    name,
    isCompiledLate: false,
    absent: () => absentProgram("haproxy"),
    version: () => `HAProxy ${printedVersion("haproxy", ["-v"], /version (\S+)/u)}`,
    start: async (options) => {
      const port = await freePort();
      const file = join(options.folder, "haproxy.cfg");
      writeFileSync(file, configuration(options, port, flavour));
      return launch({
        program: requireProgram("haproxy"),
        args: ["-db", "-f", file],
        cwd: options.folder,
        port,
        ca: options.tls?.ca,
        messages: join(options.folder, "messages.txt"),
        output: join(options.folder, "access.log"),
      });
    },
  };
}

/** Default buffers. */
export const haproxyDefault: Peer = haproxy("haproxy", { connections: 9500, extra: "" });

/** Large bodies through pipes of the kernel. */
export const haproxySplice: Peer = haproxy("haproxy-splice", {
  connections: 2000,
  extra: "option splice-auto",
});
