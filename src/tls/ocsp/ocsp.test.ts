import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type RequestListener, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { X509Certificate } from "node:crypto";

import fc from "fast-check";

import { Xorshift } from "#core/random.ts";
import { ManualScheduler } from "#core/time/scheduler.fixture.ts";
import { missing, requireProgram } from "../../../test/harness/requires.ts";
import { DAY, type Issued, hierarchy, issue } from "../certificates.fixture.ts";
import { extension } from "../x509/builder.ts";
import { OID } from "../x509/certificate.ts";
import { oid, sequence } from "../x509/der.ts";
import { type AnswerOptions, answer } from "./answer.fixture.ts";
import { type FetchOcsp, fetchOcsp } from "./fetch.ts";
import { certificateId, ocspRequest } from "./request.ts";
import { readOcspResponse } from "./response.ts";
import { type StapledCertificate, Stapler } from "./stapler.ts";

const { root, middle, leaf } = hierarchy(["a.example"]);
const signing = extension(OID.extKeyUsage, sequence(oid(OID.ocspSigning)));

/** What becomes of an answer about `leaf`. */
function outcome(options: AnswerOptions, wall: number = Date.now()): string {
  const id = certificateId(leaf.raw, middle.raw);
  const found = readOcspResponse(answer(leaf, middle, options), id, middle.raw, wall);
  return found.ok ? "good" : found.reason;
}

test("an answer of the issuer is believed, named by its name or its key", () => {
  assert.equal(outcome({}), "good");
  assert.equal(outcome({ byKey: true }), "good");
});

test("an answer of a delegate is believed if the issuer has made it one, and it is in date", () => {
  const delegate = (options: Partial<Parameters<typeof issue>[0]> = {}): AnswerOptions => {
    const by = issue({ by: middle, commonName: "Responder", extensions: [signing], ...options });
    return { signer: by, along: [by.raw] };
  };
  assert.equal(outcome(delegate()), "good");
  assert.equal(outcome({ ...delegate(), byKey: true }), "good");
  const stranger = /signed by somebody whom the issuer has not charged/;
  assert.match(outcome(delegate({ extensions: [] })), stranger, "without the purpose");
  assert.match(outcome(delegate({ by: root })), stranger, "of another issuer");
  assert.match(outcome(delegate({ by: null })), stranger, "of nobody");
  assert.match(outcome(delegate({ notAfter: Date.now() - DAY })), stranger, "expired");
  assert.match(outcome({ ...delegate(), along: [] }), stranger, "without its certificate");
});

test("a signature that is wrong, or of another key, is refused", () => {
  assert.match(outcome({ key: leaf.privateKey }), /signature of its answer is wrong/);
});

test("answers about other certificates, revoked and unknown ones are refused", () => {
  assert.match(outcome({ about: issue({ by: middle }) }), /about another certificate/);
  assert.match(outcome({ status: "revoked" }), /has revoked/);
  assert.match(outcome({ status: "unknown" }), /does not know/);
});

test("answers hold from their date to their date, give or take a clock that is a little behind", () => {
  const now = Date.now();
  assert.match(outcome({ nextUpdate: now - 1000 }), /out of date/);
  assert.match(outcome({ nextUpdate: null }), /until when/);
  assert.match(outcome({ thisUpdate: now + DAY }), /from the future/);
  assert.equal(outcome({ thisUpdate: now + 60_000 }), "good");
  assert.match(outcome({}, now + 7 * DAY), /out of date/);
});

test("bytes that are no answer are refused in a sentence, and nothing is thrown", () => {
  const id = certificateId(leaf.raw, middle.raw);
  const whole = answer(leaf, middle);
  const read = (bytes: Uint8Array) => readOcspResponse(bytes, id, middle.raw, Date.now());
  const status = (code: number) => read(Uint8Array.of(0x30, 3, 0x0a, 1, code));
  assert.match(reasonOf(status(6)), /does not know this certificate/);
  assert.match(reasonOf(status(3)), /asks to be asked later/);
  assert.match(reasonOf(read(new TextEncoder().encode("<html>"))), /no OCSP/);
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const bytes = Uint8Array.from(whole);
      bytes[at] = bytes[at]! ^ change;
      read(bytes);
      read(whole.subarray(0, at));
    }),
    { numRuns: 500 },
  );
});

function reasonOf(found: ReturnType<typeof readOcspResponse>): string {
  return found.ok ? "good" : found.reason;
}

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.closeAllConnections());
  t.after(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

test("answers that are too large, redirected or no answers are refused", async (t) => {
  const ask = async (listener: RequestListener): Promise<string> =>
    fetchOcsp(await serve(t, listener), Uint8Array.of(1)).then(
      () => "good",
      (error: unknown) => String(error),
    );
  assert.match(
    await ask((_, response) => response.end(Buffer.alloc(70_000))),
    /larger than 64 KiB/,
  );
  assert.match(await ask((_, response) => response.writeHead(503).end()), /status 503/);
  const redirect: RequestListener = (_, response) =>
    response.writeHead(302, { location: "http://127.0.0.1:1/" }).end();
  assert.match(await ask(redirect), /redirect/);
  assert.match(await ask((request) => request.socket.destroy()), /Error: \w+/);
  assert.equal(await ask((_, response) => response.end("x")), "good");
});

test(
  "openssl's responder and this client understand each other",
  { skip: missing("openssl") },
  async (t) => {
    const place = mkdtempSync(join(tmpdir(), "sluice-ocsp-"));
    t.after(() => rmSync(place, { recursive: true, force: true }));
    const delegate = issue({ by: middle, commonName: "Responder", extensions: [signing] });
    const revoked = issue({ by: middle, commonName: "revoked" });
    const unknown = issue({ by: middle, commonName: "unknown" });
    const line = (state: string, at: string, one: Issued): string =>
      `${state}\t360101000000Z\t${at}\t${new X509Certificate(one.pem).serialNumber}\tunknown\t/CN=x\n`;
    const write = (name: string, text: string): string => {
      writeFileSync(join(place, name), text);
      return join(place, name);
    };
    const index = write("index", line("V", "", leaf) + line("R", "260101000000Z", revoked));
    const signer = write("signer.pem", delegate.pem + delegate.key);
    const args = ["ocsp", "-index", index, "-port", "0", "-CA", write("ca.pem", middle.pem)];
    args.push("-rsigner", signer, "-rkey", signer, "-ndays", "7");
    const child = spawn(requireProgram("openssl"), args, { stdio: ["ignore", "pipe", "pipe"] });
    t.after(() => child.kill());
    const port = await new Promise<string>((resolve, reject) => {
      let said = "";
      const take = (text: unknown): void => {
        said += String(text);
        const found = /ACCEPT .*:(\d+)/.exec(said)?.[1];
        if (found !== undefined) resolve(found);
      };
      child.stdout.on("data", take);
      child.stderr.on("data", take);
      child.once("close", () => reject(new Error(said)));
    });
    const ask = async (one: Issued): Promise<string> => {
      const id = certificateId(one.raw, middle.raw);
      const bytes = await fetchOcsp(`http://127.0.0.1:${port}/`, ocspRequest(id));
      return reasonOf(readOcspResponse(bytes, id, middle.raw, Date.now()));
    };
    assert.equal(await ask(leaf), "good");
    assert.match(await ask(revoked), /has revoked/);
    assert.match(await ask(unknown), /does not know/);
  },
);

test("openssl believes the answers of these tests", { skip: missing("openssl") }, (t) => {
  const place = mkdtempSync(join(tmpdir(), "sluice-ocsp-"));
  t.after(() => rmSync(place, { recursive: true, force: true }));
  const write = (name: string, text: string | Uint8Array): string => {
    writeFileSync(join(place, name), text);
    return join(place, name);
  };
  const args = ["ocsp", "-respin", write("answer", answer(leaf, middle))];
  args.push("-issuer", write("middle.pem", middle.pem), "-cert", write("leaf.pem", leaf.pem));
  args.push("-CAfile", write("root.pem", root.pem), "-no_nonce");
  const said = execFileSync(requireProgram("openssl"), args, { encoding: "utf8", stdio: "pipe" });
  assert.match(said, /: good/);
});

/** A stapler whose responder is the test, at a time that stands still. */
function bench(options: { readonly mustStaple?: boolean } = {}) {
  const scheduler = new ManualScheduler();
  const start = Date.now();
  const log: string[] = [];
  const state = { changes: 0, asked: 0, most: 0, open: 0 };
  let respond: FetchOcsp = async () => answer(leaf, middle, times());
  const wall = { start };
  const now = (): number => wall.start + scheduler.now();
  const times = (): AnswerOptions => ({ thisUpdate: now() - 1000, nextUpdate: now() + 4 * DAY });
  const stapler = new Stapler({
    scheduler,
    wall: now,
    random: new Xorshift(1),
    fetch: async (url, request) => {
      state.asked++;
      state.most = Math.max(state.most, ++state.open);
      try {
        return await respond(url, request);
      } finally {
        state.open--;
      }
    },
    log: (level, _code, message) => log.push(`${level} ${message}`),
    onChange: () => state.changes++,
  });
  const certificate: StapledCertificate = {
    fingerprint: "leaf",
    names: ["a.example"],
    revocation: {
      certificate: leaf.raw,
      issuer: middle.raw,
      responder: "http://ocsp.example/",
      mustStaple: options.mustStaple ?? false,
    },
  };
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 60_000) {
      await scheduler.pass(Math.min(left, 60_000));
      stapler.check();
    }
    await scheduler.pass(0);
  };
  const answering = (next: FetchOcsp): void => void (respond = next);
  return { stapler, certificate, state, log, pass, answering, times, wall, scheduler };
}

const failing: FetchOcsp = async () => {
  throw new Error("it is out of order");
};

test("an answer is asked for at once, and anew around the middle of its time", async () => {
  const { stapler, certificate, state, pass, scheduler } = bench();
  stapler.update([certificate]);
  await scheduler.pass(0);
  assert.deepEqual([state.asked, state.changes], [1, 1]);
  assert.notEqual(stapler.answer("leaf"), null);
  await pass(1.7 * DAY);
  assert.equal(state.asked, 1);
  await pass(0.6 * DAY);
  assert.equal(state.asked, 2);
  stapler.update([certificate]);
  await scheduler.pass(0);
  assert.equal(state.asked, 2, "a reload asks nobody");
});

test("while a responder fails the old answer is kept until its end, and no longer", async () => {
  const { stapler, certificate, state, log, pass, answering, times, scheduler } = bench();
  stapler.update([certificate]);
  await scheduler.pass(0);
  answering(failing);
  await pass(3.9 * DAY);
  assert.notEqual(stapler.answer("leaf"), null);
  const asked = state.asked;
  assert.ok(asked > 10 && asked < 80, `asked ${asked} times, at growing intervals`);
  assert.equal(log.length, 1);
  assert.match(log[0] ?? "", /^info the OCSP responder .* gives no answer .*out of order/);
  await pass(0.2 * DAY);
  assert.equal(stapler.answer("leaf"), null);
  assert.equal(state.changes, 2);
  answering(async () => answer(leaf, middle, times()));
  await pass(DAY / 12);
  assert.notEqual(stapler.answer("leaf"), null);
  assert.match(log.at(-1) ?? "", /answers for a\.example again/);
});

test("a certificate that promises answers is warned about while it has none", async () => {
  const { stapler, certificate, log, pass, answering, scheduler } = bench({ mustStaple: true });
  answering(failing);
  stapler.update([certificate]);
  await scheduler.pass(0);
  await pass(DAY);
  assert.equal(log.length, 1);
  assert.match(log[0] ?? "", /^warn .*promises one in each handshake/);
});

test("a promise that nobody can keep is warned about once", () => {
  const { stapler, certificate, log } = bench({ mustStaple: true });
  const lonely = { ...certificate, revocation: { ...certificate.revocation, responder: null } };
  stapler.update([lonely]);
  stapler.update([lonely]);
  assert.equal(log.length, 1);
  assert.match(log[0] ?? "", /names nobody to ask/);
});

test("an answer that says revoked is said once, and not handed to clients", async () => {
  const { stapler, certificate, log, pass, answering, scheduler, state } = bench();
  stapler.update([certificate]);
  await scheduler.pass(0);
  answering(async () => answer(leaf, middle, { status: "revoked" }));
  await pass(3 * DAY);
  assert.equal(stapler.answer("leaf"), null);
  assert.equal(state.changes, 2);
  assert.deepEqual(log.filter((line) => line.startsWith("warn")).length, 1);
  assert.match(log[0] ?? "", /was revoked by its issuer/);
});

test("a clock that jumps ahead drops the answer, one that is set back asks anew", async () => {
  const { stapler, certificate, wall, pass, state, scheduler } = bench();
  stapler.update([certificate]);
  await scheduler.pass(0);
  wall.start += 30 * DAY;
  assert.equal(stapler.answer("leaf"), null);
  await pass(120_000);
  assert.notEqual(stapler.answer("leaf"), null);
  const { asked } = state;
  wall.start -= 60 * DAY;
  await pass(120_000);
  assert.equal(state.asked, asked + 1);
});

test("many certificates ask a few at a time", async () => {
  const { stapler, certificate, state, scheduler } = bench();
  const all = Array.from({ length: 50 }, (_, i) => ({ ...certificate, fingerprint: `f${i}` }));
  stapler.update(all);
  for (let i = 0; i < 50; i++) await scheduler.pass(0);
  assert.equal(state.asked, 50);
  assert.equal(state.most, 4);
});

test("who is gone when the answer comes gets none", async () => {
  const { stapler, certificate, state, answering, times, scheduler } = bench();
  const late = Promise.withResolvers<Uint8Array>();
  answering(() => late.promise);
  stapler.update([certificate]);
  stapler.update([]);
  late.resolve(answer(leaf, middle, times()));
  await scheduler.pass(0);
  assert.deepEqual([state.changes, stapler.answer("leaf")], [0, null]);
});
