import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import * as tls from "node:tls";

import { startBackend } from "../../harness/app.ts";
import { type Pebble, freePorts, startPebble } from "../../harness/pebble.ts";
import { missing } from "../../harness/requires.ts";
import { type Sluice, startSluice } from "../../harness/sluice.ts";

const skip = missing("pebble", "pebble-challtestsrv");

/** What a client sees that asks for a name: the names of the certificate, and the answer to a request. */
async function ask(
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

interface Site {
  readonly pebble: Pebble;
  readonly sluice: Sluice;
  readonly http: number;
  readonly https: number;
}

/** A proxy whose certificates come from pebble. `acme`: further lines of the block. */
async function startSite(
  t: TestContext,
  acme: (pebble: Pebble) => string,
  routes = "  - { match: a.test.example, to: app }\n  - { match: b.test.example, to: app }",
): Promise<Site> {
  const backend = await startBackend(t, (_request, response) => response.end("hello from behind"));
  const [http = 0, https = 0] = await freePorts(2);
  const pebble = await startPebble(t, { httpPort: http, tlsPort: https });
  const config = `listen:
  - { address: "127.0.0.1:${http}", redirect: https }
  - { address: "127.0.0.1:${https}", tls: auto }
upstreams: { app: "127.0.0.1:${backend}" }
routes:
${routes}
workers: 2
admin: off
acme:
  email: somebody@test.example
  issuer: { name: pebble, url: "${pebble.directory}", ca: "${pebble.caFile}" }
${acme(pebble)}`;
  const sluice = await startSluice(t, { files: { "sluice.yaml": config }, listeners: 2 });
  return { pebble, sluice, http, https };
}

for (const challenge of ["http-01", "tls-alpn-01"]) {
  test(
    `${challenge}: certificates are obtained, served to clients that have waited for them, and kept`,
    { skip },
    async (t) => {
      const { pebble, sluice, https } = await startSite(t, () => `  challenges: ${challenge}\n`);
      const root = await pebble.root();
      // Both at once, before there is a certificate.
      const seen = await Promise.all(
        ["a.test.example", "b.test.example"].map((name) => ask(https, name, root)),
      );
      assert.deepEqual(
        seen.map(({ names }) => names),
        ["DNS:a.test.example", "DNS:b.test.example"],
      );
      for (const { answer } of seen) assert.match(answer, /200 OK[^]*hello from behind/);
      assert.match(sluice.stderr(), new RegExp(`pebble has made a certificate \\(${challenge}\\)`));

      const folder = join(sluice.directory, "sluice/acme");
      const found = await readdir(join(folder, "certificates"));
      assert.deepEqual(found.toSorted(), [
        "a.test.example.json",
        "a.test.example.pem",
        "b.test.example.json",
        "b.test.example.pem",
      ]);
      for (const name of found) {
        assert.equal((await stat(join(folder, "certificates", name))).mode & 0o777, 0o600, name);
      }
      assert.deepEqual(await readdir(join(folder, "orders")), []);
      assert.deepEqual(await readdir(join(folder, "locks")), []);
      const pem = await readFile(join(folder, "certificates/a.test.example.pem"), "utf8");
      assert.match(pem, /^-----BEGIN PRIVATE KEY-----[^]*-----BEGIN CERTIFICATE-----/);
      await sluice.stop();
    },
  );
}
