import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { sliceOf } from "#core/bytes/slice.ts";
import { missing } from "../../../../test/harness/requires.ts";
import { certificates, HOST } from "../../certificates.fixture.ts";
import type { ConnectionHandler, Transport } from "../../contract.ts";
import { PROFILE } from "../../tls-stage.fixture.ts";
import { createUringTransport } from "../transport.ts";
import { foreseeable } from "../unavailable.ts";

const all = certificates();
const without = foreseeable() === null ? false : "needs io_uring";
const folder = mkdtempSync(join(tmpdir(), "programs-"));
const ca = join(folder, "root.pem");
writeFileSync(ca, all.root);

/** Sends everything back; to a request of HTTP an answer. */
const handler: ConnectionHandler = {
  onConnect() {},
  onData(connection, slice) {
    const text = Buffer.from(slice.view()).toString("latin1");
    if (!text.startsWith("GET ")) connection.write([slice.part(0, slice.length)]);
    else {
      connection.write([
        sliceOf(Buffer.from("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nsecured")),
      ]);
      connection.close();
    }
  },
  onEnd: (connection) => connection.close(),
  onWritable() {},
  onClose() {},
};

describe("other programs over TLS", { skip: without }, () => {
  let transport: Transport;
  let port = 0;
  before(async () => {
    transport = createUringTransport();
    const context = transport.tls!.server({
      profile: PROFILE,
      certificates: [all.ecdsa, all.rsa],
      alpn: ["http/1.1"],
      clientCertificates: null,
      policy: "programs",
    });
    const address = { kind: "tcp", host: "127.0.0.1", port: 0 } as const;
    const listener = await transport.listen(
      { kind: "address", address },
      {
        onConnection: (raw) => void transport.tls!.accept(raw, context, [], handler),
        onAcceptFailure: () => assert.fail("accepting failed"),
      },
    );
    port = (listener.address as { port: number }).port;
  });
  after(async () => {
    await transport.shutdown();
    rmSync(folder, { recursive: true });
  });

  /** Runs a program; each line is written when what it has said so far ends with, or has, the text before it. */
  async function run(
    program: string,
    options: readonly string[],
    dialogue: readonly (readonly [heard: string, said: string | null])[] = [],
  ): Promise<string> {
    const child = spawn(program, options);
    let output = "";
    let from = 0;
    const steps = [...dialogue];
    const listen = (bytes: Buffer): void => {
      output += String(bytes);
      for (;;) {
        const [step] = steps;
        const at = step === undefined ? -1 : output.indexOf(step[0], from);
        if (at < 0) return;
        from = at + step![0].length;
        steps.shift();
        if (step![1] === null) child.stdin.end();
        else child.stdin.write(step![1]);
      }
    };
    child.stdout.on("data", listen);
    child.stderr.on("data", listen);
    await new Promise((resolve) => child.once("close", resolve));
    assert.deepEqual(steps, [], output);
    return output;
  }

  it(
    "openssl changes its keys and is answered with new ones",
    {
      skip: missing("openssl"),
    },
    async () => {
      const target = `-connect 127.0.0.1:${port} -servername ${HOST}`;
      const verification = `-CAfile ${ca} -verify_return_error -verify_hostname ${HOST}`;
      const options = `s_client -tls1_3 ${target} ${verification}`.split(" ");
      const output = await run("openssl", options, [
        ["Verify return code: 0 (ok)", "one\n"],
        ["one", "K\n"],
        ["KEYUPDATE", "two\n"],
        ["two", "k\n"],
        ["KEYUPDATE", "three\n"],
        ["three", null],
      ]);
      assert.doesNotMatch(output, /error/i);
    },
  );

  it("curl fetches a page", { skip: missing("curl") }, async () => {
    for (const most of ["1.2", "1.3"]) {
      const options = `--silent --show-error --cacert ${ca} --tls-max ${most}`;
      const target = `--resolve ${HOST}:${port}:127.0.0.1 https://${HOST}:${port}/`;
      const output = await run("curl", `${options} ${target}`.split(" "));
      assert.equal(output, "secured");
    }
  });
});
