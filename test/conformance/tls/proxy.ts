/** A proxy by TLS that other programs are let loose on. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { certificates } from "../../harness/tls.ts";
import { type Sluice, type Lifetime, startSluice } from "../../harness/sluice.ts";

/** A name that demands a certificate of clients. */
export const ADMIN = "admin.wild.test";

/** What every listener has. */
const CERTIFICATES =
  "certificates: [{ cert: ec.pem, key: ec.key }, { cert: rsa.pem, key: rsa.key }]";

const CONFIGURATION = `
listen:
  - address: "127.0.0.1:0"
    tls:
      ${CERTIFICATES}
      names: { ${ADMIN}: { clientCertificates: { ca: clients.pem } } }
  - address: "0.0.0.0:0" # another address: listeners are told apart by what is written
    tls: { ${CERTIFICATES}, preset: modern }
routes:
  - match: /*
    use: [{ respond: { status: 200, body: "served" } }]
workers: 2
admin: "off"
`;

/** The proxy, the ports of its presets, and the files beside it. */
export interface Target {
  readonly sluice: Sluice;
  readonly intermediate: number;
  readonly modern: number;
  /** Absolute name of one of `root.pem`, `client.pem`, `client.key`, `foreign.pem`, `foreign.key`. */
  readonly file: (name: string) => string;
}

/** Starts one. */
export async function startTarget(t: Lifetime): Promise<Target> {
  const { ecdsa, rsa, root, clientRoot, client, foreignClient } = certificates();
  const sluice = await startSluice(t, {
    listeners: 2,
    files: {
      "sluice.yaml": CONFIGURATION,
      "ec.pem": ecdsa.chain,
      "ec.key": ecdsa.key,
      "rsa.pem": rsa.chain,
      "rsa.key": rsa.key,
      "clients.pem": clientRoot,
    },
  });
  for (const [name, text] of [
    ["root.pem", root],
    ["client.pem", client.chain],
    ["client.key", client.key],
    ["foreign.pem", foreignClient.chain],
    ["foreign.key", foreignClient.key],
  ] as const) {
    writeFileSync(join(sluice.directory, name), text);
  }
  const [intermediate = 0, modern = 0] = sluice.urls.map((url) => Number(new URL(url).port));
  return { sluice, intermediate, modern, file: (name) => join(sluice.directory, name) };
}
