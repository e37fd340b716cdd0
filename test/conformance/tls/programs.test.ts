/** What openssl s_client and curl are given and denied. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { type TestContext, after, before, describe, it } from "node:test";
import { missing, requireProgram } from "../../harness/requires.ts";
import { HOST } from "../../harness/tls.ts";
import { ADMIN, type Target, startTarget } from "./proxy.ts";

let target: Target;

/** Runs a program to its end; all that it said. */
async function run(program: string, args: readonly string[], input = ""): Promise<string> {
  const child = spawn(requireProgram(program), args, { stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (text) => (said += String(text)));
  }
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const [code] = (await once(child, "close")) as [number];
  return `${said}\nexit ${code}`;
}

const client = (port: number, ...args: string[]): Promise<string> =>
  run("openssl", [
    "s_client",
    "-connect",
    `127.0.0.1:${port}`,
    "-servername",
    HOST,
    "-CAfile",
    target.file("root.pem"),
    "-verify_return_error",
    ...args,
  ]);

const curl = (port: number, name: string, ...args: string[]): Promise<string> =>
  run("curl", [
    "-sS",
    "--max-time",
    "20",
    "--resolve",
    `${name}:${port}:127.0.0.1`,
    "--cacert",
    target.file("root.pem"),
    ...args,
    `https://${name}:${port}/`,
  ]);

describe("openssl and curl", { skip: missing("openssl", "curl") }, () => {
  const ends: (() => Promise<void>)[] = [];
  before(async () => {
    target = await startTarget({ after: (end) => void ends.push(end) });
  });
  after(async () => {
    for (const end of ends) await end();
  });

  it("agree on TLS 1.3, and on 1.2 unless the preset is modern", async () => {
    assert.match(await client(target.intermediate), /New, TLSv1\.3/);
    assert.match(await client(target.intermediate, "-tls1_2"), /New, TLSv1\.2, Cipher is ECDHE-/);
    assert.match(await client(target.modern), /New, TLSv1\.3/);
    assert.match(await client(target.modern, "-tls1_2"), /alert protocol version/);
    assert.match(await client(target.intermediate), /Verify return code: 0 \(ok\)/);
  });

  it("get nowhere with older versions and weak suites", async () => {
    // The client itself would not offer them at its usual level.
    for (const version of ["-tls1", "-tls1_1"]) {
      const said = await client(target.intermediate, version, "-cipher", "ALL:@SECLEVEL=0");
      assert.match(said, /alert protocol version/, version);
    }
    for (const suites of ["AES128-SHA", "ECDHE-RSA-AES128-SHA", "AES128-GCM-SHA256", "aNULL"]) {
      const said = await client(target.intermediate, "-tls1_2", "-cipher", `${suites}:@SECLEVEL=0`);
      assert.match(said, /alert handshake failure/, suites);
    }
  });

  it("get the certificate of the type that they can verify", async () => {
    const rsa = await client(target.intermediate, "-sigalgs", "RSA-PSS+SHA256:RSA+SHA256");
    assert.match(rsa, /Peer signature type: RSA/);
    const ec = await client(target.intermediate, "-sigalgs", "ECDSA+SHA256");
    assert.match(ec, /Peer signature type: ECDSA/);
  });

  it("are not let renegotiate", async (t: TestContext) => {
    const child = spawn(requireProgram("openssl"), [
      "s_client",
      "-connect",
      `127.0.0.1:${target.intermediate}`,
      "-servername",
      HOST,
      "-tls1_2",
    ]);
    t.after(() => child.kill());
    let said = "";
    let isAsked = false;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (text) => {
        said += String(text);
        if (isAsked || !said.includes("Verify return code")) return;
        isAsked = true;
        // The command of s_client for it.
        child.stdin.write("R\n");
      });
    }
    child.stdin.on("error", () => undefined);
    await once(child, "close");
    assert.match(said, /RENEGOTIATING/);
    assert.match(said, /no renegotiation|alert|unexpected|reset|errno/i);
  });

  it("take sessions up again, at whichever worker they come to", async () => {
    for (const version of ["-tls1_2", "-tls1_3"]) {
      const session = target.file(`session${version}`);
      const ask = `GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`;
      const args = [
        "s_client",
        "-connect",
        `127.0.0.1:${target.intermediate}`,
        "-servername",
        HOST,
        "-CAfile",
        target.file("root.pem"),
        "-ign_eof",
        version,
      ];
      const first = await run("openssl", [...args, "-sess_out", session], ask);
      assert.match(first, /New, TLS/);
      assert.match(first, /served/);
      for (let i = 0; i < 6; i++) {
        const again = await run("openssl", [...args, "-sess_in", session], ask);
        assert.match(again, /Reused, TLS/, version);
        assert.match(again, /served/);
      }
    }
  });

  it("are served by name, and refused under another", async () => {
    assert.match(await curl(target.intermediate, HOST, "--tlsv1.3"), /served\nexit 0$/);
    assert.match(
      await curl(target.intermediate, HOST, "--tlsv1.2", "--tls-max", "1.2"),
      /served\nexit 0$/,
    );
    assert.match(await curl(target.modern, HOST, "--tls-max", "1.2"), /exit 35$/);
    assert.match(await curl(target.intermediate, "nobody.test"), /unrecognized name[^]*exit 35$/);
    const other = await curl(target.intermediate, HOST, "-H", "Host: nobody.test");
    assert.match(other, /served/, "the name alone decides about rules, and both have the same");
    const misdirected = await curl(target.intermediate, HOST, "-H", `Host: ${ADMIN}`);
    assert.match(misdirected, /misdirected/);
  });

  it("need the right certificate for a name that demands one", async () => {
    const shown = (name: string): string[] => [
      "--cert",
      target.file(`${name}.pem`),
      "--key",
      target.file(`${name}.key`),
    ];
    for (const max of ["1.2", "1.3"]) {
      const ask = (...args: string[]): Promise<string> =>
        curl(target.intermediate, ADMIN, "--tls-max", max, ...args);
      assert.match(await ask(...shown("client")), /served\nexit 0$/, max);
      assert.doesNotMatch(await ask(), /served/, max);
      assert.doesNotMatch(await ask(...shown("foreign")), /served/, max);
    }
  });
});
