/** What wrk and ab speak: the same with every peer. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * The suite that Sluice and Caddy choose by themselves where processors have AES; nginx and HAProxy leave the choice to
 * the client, whose OpenSSL would take AES-256.
 */
const CONFIGURATION = `openssl_conf = bench
[bench]
ssl_conf = modules
[modules]
system_default = client
[client]
MinProtocol = TLSv1.3
Ciphersuites = TLS_AES_128_GCM_SHA256
Groups = X25519
`;

/** The environment of a client that speaks TLS 1.3, AES-128-GCM and X25519 alone. Its file lies in `folder`. */
export function clientEnvironment(folder: string): NodeJS.ProcessEnv {
  const file = join(folder, "client.cnf");
  writeFileSync(file, CONFIGURATION);
  return { ...process.env, OPENSSL_CONF: file };
}
