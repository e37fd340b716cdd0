/** A proxy whose certificates come from pebble, and clients that look at them. */

import { once } from "node:events";
import { join } from "node:path";
import type { TestContext } from "node:test";
import * as tls from "node:tls";

import { startBackend } from "../../harness/app.ts";
import { type Pebble, freePorts, startPebble } from "../../harness/pebble.ts";
import { type Finished, type Sluice, runSluice, startSluice } from "../../harness/sluice.ts";

/** What runs. */
export interface Site {
  readonly pebble: Pebble;
  readonly sluice: Sluice;
  readonly https: number;
  /** Runs `sluice certs` with these words behind it. */
  readonly certs: (...args: readonly string[]) => Promise<Finished>;
}

/** How a test wants it. */
export interface SiteOptions {
  readonly hosts?: readonly string[];
  readonly eab?: Readonly<Record<string, string>>;
  /** Of the block `acme`; without it the issuer alone. */
  readonly acme?: (pebble: Pebble) => string;
}

/** The line that names pebble. */
export function issuerLine({ directory, caFile }: Pebble, more = ""): string {
  return `  issuer: { name: pebble, url: "${directory}", ca: "${caFile}"${more} }\n`;
}

/** Two workers, one of which is asked by the authority. */
export async function startSite(t: TestContext, options: SiteOptions = {}): Promise<Site> {
  const { hosts = ["a.test.example", "b.test.example"], eab, acme = issuerLine } = options;
  const backend = await startBackend(t, (_request, response) => response.end("hello from behind"));
  const [http = 0, https = 0] = await freePorts(2);
  const pebble = await startPebble(t, {
    httpPort: http,
    tlsPort: https,
    ...(eab === undefined ? {} : { eab }),
  });
  const config = `listen:
  - { address: "127.0.0.1:${http}", redirect: https }
  - { address: "127.0.0.1:${https}", tls: auto }
upstreams: { app: "127.0.0.1:${backend}" }
routes: [{ match: ${JSON.stringify(hosts)}, to: app }]
workers: 2
admin: off
acme:
  email: somebody@test.example
${acme(pebble)}`;
  const sluice = await startSluice(t, { files: { "sluice.yaml": config }, listeners: 2 });
  const certs = (...args: readonly string[]): Promise<Finished> =>
    runSluice(t, {
      args: ["certs", ...args, "-c", join(sluice.directory, "sluice.yaml")],
      environment: { XDG_RUNTIME_DIR: sluice.directory, XDG_DATA_HOME: sluice.directory },
    });
  return { pebble, sluice, https, certs };
}

/** What a client sees that asks for a name: the names of the certificate, and the answer to a request. */
export async function ask(
  port: number,
  name: string,
  ca: string,
): Promise<{ readonly names: string; readonly answer: string }> {
  const socket = tls.connect({ host: "127.0.0.1", port, servername: name, ca });
  await once(socket, "secureConnect");
  const names = socket.getPeerCertificate().subjectaltname ?? "";
  socket.write(`GET / HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`);
  let answer = "";
  for await (const piece of socket) answer += String(piece);
  return { names, answer };
}

/** Asks until it is stopped, each time on a new connection. Ends with what went wrong. */
export function startAsking(port: number, name: string, ca: string): () => Promise<string[]> {
  const failures: string[] = [];
  const state = { running: true };
  const client = async (): Promise<void> => {
    while (state.running) {
      const { answer } = await ask(port, name, ca).catch((error: unknown) => {
        return { answer: String(error) };
      });
      if (!answer.includes("hello from behind")) failures.push(answer);
    }
  };
  const ended = client();
  return async () => {
    state.running = false;
    await ended;
    return failures;
  };
}
