import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TLSSocket } from "node:tls";
import { missing } from "../../../test/harness/requires.ts";
import { certificateLibrary, SERVER_NAME } from "../machine/certificates.ts";
import { parseAb, runAb } from "./ab.ts";

function output(...lines: readonly string[]): string {
  return [
    "Concurrency Level:      8",
    "Time taken for tests:   1.250 seconds",
    ...lines,
    "Total transferred:      1725430 bytes",
  ].join("\n");
}

test("the numbers of ab are read from its report", () => {
  const text = output("Complete requests:      1568", "Failed requests:        0");
  assert.deepEqual(parseAb(text), { microseconds: 1_250_000, requests: 1568, problems: [] });
});

test("failed requests, other answers and failed handshakes are problems", () => {
  const text = output(
    "Complete requests:      1568",
    "Failed requests:        3",
    "Non-2xx responses:      2",
    "SSL handshake failed (1).",
  );
  assert.deepEqual(parseAb(text).problems, [
    "3 requests failed",
    "2 answers with a status other than 2xx",
    "TLS failed",
  ]);
});

test("a run without an answer is a problem, and output without numbers is refused and shown", () => {
  assert.deepEqual(parseAb(output("Complete requests:      0")).problems, [
    "no request was answered",
  ]);
  assert.throws(() => parseAb("connection refused"), /no numbers:\nconnection refused/);
});

test(
  "ab shakes hands in full on each connection, by TLS 1.3 and for the name of the certificate",
  { skip: missing("ab"), timeout: 60_000 },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-bench-ab-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const { ca, certificates } = certificateLibrary(folder)(1);
    const [files] = certificates;
    assert.ok(files !== undefined);
    const server = createServer(
      { cert: readFileSync(files.chain), key: readFileSync(files.key) },
      (_, response) => response.end("x"),
    );
    const seen = new Set<string>();
    let connections = 0;
    server.on("secureConnection", (socket: TLSSocket & { servername?: string }) => {
      connections++;
      const words = [socket.isSessionReused(), socket.getProtocol(), socket.getCipher().name];
      seen.add([...words, socket.servername].join(" "));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    const run = { port, ca, path: "/", connections: 4, seconds: 1, folder };
    const result = await runAb(run);
    assert.deepEqual(result.problems, []);
    assert.ok(result.requests > 4 && connections >= result.requests);
    assert.deepEqual([...seen], [`false TLSv1.3 TLS_AES_128_GCM_SHA256 ${SERVER_NAME}`]);
  },
);
