/** TLS as `openssl s_client` sees it: a client that knows nothing of Node.js, and does what good clients never do. */

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, describe, it } from "node:test";
import { missing, requireProgram } from "../../test/harness/requires.ts";
import { certificates, HOST } from "./certificates.fixture.ts";
import type { SocketAddress } from "./contract.ts";
import { PROFILE, secret, type TlsBench, TlsStage } from "./tls-stage.fixture.ts";
import type { CertificatePair, ServerTlsOptions } from "./tls.ts";

/** Registers the tests. `make` is called once for each. */
export function describeOpenssl(name: string, make: () => Promise<TlsBench>): void {
  const skip = missing("openssl");
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "openssl-"));
  after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const file = (name: string): string => path.join(folder, name);

  const test = (
    title: string,
    body: (stage: TlsStage, options: ServerTlsOptions) => Promise<void>,
  ): void => {
    it(title, { skip }, async () => {
      const stage = new TlsStage(await make());
      try {
        await body(stage, {
          profile: PROFILE,
          certificates: [certificates().ecdsa],
          alpn: ["h2", "http/1.1"],
          clientCertificates: null,
          policy: "one",
        });
      } finally {
        await stage.finish();
      }
    });
  };

  describe(`TLS ${name}, a client of OpenSSL`, () => {
    test("believes our certificate and agrees on a protocol", async (stage, options) => {
      fs.writeFileSync(file("root.pem"), certificates().root);
      const { address } = await stage.serve(options);
      const { text, code } = await visit(stage, address, [
        "-CAfile",
        file("root.pem"),
        "-verify_return_error",
        "-verify_hostname",
        HOST,
        "-alpn",
        "http/1.1",
      ]);
      assert.equal(code, 0);
      assert.match(text, /Verify return code: 0 \(ok\)/);
      assert.match(text, /ALPN protocol: http\/1\.1/);
      assert.match(text, /Compression: NONE/);
    });

    test("does not get to renegotiate", async (stage, options) => {
      const { address } = await stage.serve(options);
      const { text } = await visit(stage, address, ["-tls1_2"], "R\n");
      assert.match(text, /RENEGOTIATING/);
      assert.match(text, /no renegotiation/);
      assert.match(text, /Secure Renegotiation IS supported/);
      const recorder = await stage.accepted();
      assert.equal(recorder.connects, 1);
    });

    test("may change its keys", async (stage, options) => {
      const { address } = await stage.serve(options);
      // "K" asks us to change ours as well; what is said afterwards is under the new ones.
      const { text } = await visit(stage, address, ["-tls1_3"], "K\n");
      assert.match(text, /KEYUPDATE/);
      assert.match(text, /after the change/);
    });

    for (const version of ["-tls1", "-tls1_1"]) {
      test(`is refused ${version.slice(1)}`, async (stage, options) => {
        const { address } = await stage.serve(options);
        const weak = ["-cipher", "ALL:@SECLEVEL=0"];
        const { text, code } = await visit(stage, address, [version, ...weak]);
        assert.notEqual(code, 0);
        assert.match(text, /alert protocol version/);
        const recorder = await stage.accepted();
        await stage.closed(recorder);
        assert.equal(recorder.connects, 0);
      });
    }

    // Without forward secrecy, without an AEAD, without encryption, anonymous.
    for (const suite of ["AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256", "NULL", "ADH"]) {
      test(`is refused the suites ${suite}`, async (stage, options) => {
        const { rsa, ecdsa } = certificates();
        const { address } = await stage.serve({ ...options, certificates: [rsa, ecdsa] });
        const weak = ["-tls1_2", "-cipher", `${suite}:@SECLEVEL=0`];
        const { text, code } = await visit(stage, address, weak);
        assert.notEqual(code, 0);
        assert.match(text, /alert handshake failure/);
        const recorder = await stage.accepted();
        await stage.closed(recorder);
        assert.equal(recorder.connects, 0);
      });
    }

    test("is given tickets that allow no early data, and resumes", async (stage, options) => {
      const { context, address } = await stage.serve(options);
      context.setTicketSecrets([secret(1)]);
      const session = file("session.pem");
      const first = await visit(stage, address, ["-tls1_3", "-sess_out", session]);
      assert.match(first.text, /New, TLSv1\.3/);
      assert.match(first.text, /Max Early Data: 0/);
      fs.writeFileSync(file("early"), "GET / HTTP/1.1\r\n\r\n");
      const again = await visit(stage, address, [
        "-tls1_3",
        "-sess_in",
        session,
        "-early_data",
        file("early"),
      ]);
      assert.match(again.text, /Reused, TLSv1\.3/);
      assert.match(again.text, /Early data was not sent/);
      const recorder = await stage.accepted(2);
      assert.equal(recorder.connection?.security?.resumed, true);
      assert.equal(recorder.size, 0);
    });

    test("is told that our certificate is still good", async (stage, options) => {
      const pair = certificates().selfSigned;
      const ocsp = answerAbout(pair, file);
      const { address } = await stage.serve({ ...options, certificates: [{ ...pair, ocsp }] });
      for (const version of ["-tls1_2", "-tls1_3"]) {
        const { text } = await visit(stage, address, [version, "-status"]);
        assert.match(text, /OCSP Response Status: successful/);
        assert.match(text, /Cert Status: good/);
      }
    });

    test("is refused without the certificate that we want", async (stage, options) => {
      const { clientRoot, crl, client, revokedClient } = certificates();
      const { address } = await stage.serve({
        ...options,
        clientCertificates: { mode: "require", ca: clientRoot, crl },
      });
      const shown = (pair: CertificatePair): string[] => {
        fs.writeFileSync(file("client.pem"), pair.chain + pair.key);
        return ["-cert", file("client.pem")];
      };
      const named = await visit(stage, address, ["-tls1_2", ...shown(client)]);
      assert.equal(named.code, 0);
      assert.match(named.text, /Acceptable client certificate CA names\n.*Test Clients/);
      for (const version of ["-tls1_2", "-tls1_3"]) {
        assert.match((await visit(stage, address, [version])).text, /alert/);
        const count = stage.served.length + 1;
        await visit(stage, address, [version, ...shown(revokedClient)]);
        const recorder = await stage.accepted(count);
        await stage.closed(recorder);
        assert.equal(recorder.connects, 0);
        assert.deepEqual(recorder.failure, { code: "tls", detail: "CERT_REVOKED" });
      }
    });
  });
}

/** Runs a client, and says `line` to it when it is served: by default, to leave. */
async function visit(
  stage: TlsStage,
  address: SocketAddress,
  options: readonly string[],
  line = "Q\n",
): Promise<{ text: string; code: number | null }> {
  const where =
    address.kind === "unix"
      ? ["-unix", address.path]
      : ["-connect", `${address.host}:${address.port}`];
  const child = spawn(requireProgram("openssl"), [
    "s_client",
    ...where,
    "-servername",
    HOST,
    ...options,
  ]);
  let text = "";
  const hear = (bytes: Buffer): void => void (text += String(bytes));
  child.stdout.on("data", hear);
  child.stderr.on("data", hear);
  child.stdin.on("error", () => undefined);
  const left = new Promise<number | null>((resolve) => child.once("close", resolve));
  // Sent behind the tickets of TLS 1.3, so whoever has read this has those.
  const served = stage.accepted(stage.served.length + 1).then(async (recorder) => {
    await stage.until(recorder, () => recorder.connects === 1 || recorder.gone);
    recorder.onDataMore = () => void recorder.send("after the change\n");
    recorder.onEndMore = () => recorder.call((connection) => connection.end());
    if (!recorder.gone) recorder.send("served\n");
  });
  const dialogue = new Map([
    ["served\n", line],
    ["KEYUPDATE\n", "change\n"],
    ["after the change\n", "Q\n"],
  ]);
  const talk = (): void => {
    for (const [heard, said] of dialogue) {
      if (!text.includes(heard)) continue;
      dialogue.delete(heard);
      child.stdin.write(said);
    }
  };
  child.stdout.on("data", talk);
  child.stderr.on("data", talk);
  await stage.bench.until(served);
  const code = await stage.bench.until(left);
  return { text, code };
}

/** What the issuer of a certificate that issued itself says about it, in DER. */
function answerAbout(pair: CertificatePair, file: (name: string) => string): Buffer {
  const { serialNumber } = new X509Certificate(pair.chain);
  fs.writeFileSync(file("self.pem"), pair.chain);
  fs.writeFileSync(file("self.key"), pair.key);
  fs.writeFileSync(file("index"), `V\t491231235959Z\t\t${serialNumber}\tunknown\t/CN=${HOST}\n`);
  const self = file("self.pem");
  const made = spawnSync(requireProgram("openssl"), [
    "ocsp",
    "-index",
    file("index"),
    "-CA",
    self,
    "-issuer",
    self,
    "-cert",
    self,
    "-rsigner",
    self,
    "-rkey",
    file("self.key"),
    "-ndays",
    "1",
    "-respout",
    file("answer"),
  ]);
  assert.equal(made.status, 0, String(made.stderr));
  return fs.readFileSync(file("answer"));
}
