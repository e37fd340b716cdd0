import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import { missing, requireProgram } from "../../../test/harness/requires.ts";
import { issue } from "../certificates.fixture.ts";
import { openRoot } from "../local/root.ts";
import type { TrustedRoot } from "./stores.ts";
import { type TrustSystem, thisSystem } from "./system.ts";
import { type TrustOptions, changeTrust } from "./trust.ts";

const ROOT: TrustedRoot = {
  name: "Sluice local CA it's a box 012345",
  file: "/data/local-ca/root.crt",
  pem: "PEM\n",
  sha1: "00aa",
};

/** A machine that exists on paper only: some files and programs, and a list of what was run. */
function paper(
  about: Partial<TrustSystem> & { programs?: string[]; files?: Record<string, string> },
) {
  const { programs = [], files = {} } = about;
  const ran: string[] = [];
  const system: TrustSystem = {
    platform: "linux",
    home: "/home/me",
    uid: 0,
    exists: (path) =>
      Object.keys(files).some((file) => file === path || file.startsWith(`${path}/`)),
    read: (path) => files[path] ?? null,
    list: (folder) => [
      ...new Set(
        Object.keys(files)
          .filter((file) => file.startsWith(`${folder}/`))
          .map((file) => file.slice(folder.length + 1).split("/")[0] ?? ""),
      ),
    ],
    find: (program) => (programs.includes(program) ? `/usr/bin/${program}` : null),
    run: async (command) => {
      ran.push(command.join(" "));
      return {
        ok: !/ -L | list |find-certificate|-verifystore/.test(` ${command.join(" ")} `),
        output: "",
      };
    },
    ...about,
  };
  const lines: string[] = [];
  const complaints: string[] = [];
  const change = (options: Partial<TrustOptions> = {}): Promise<boolean> =>
    changeTrust(system, ROOT, {
      uninstall: false,
      dryRun: false,
      say: (line) => lines.push(line),
      complain: (line) => complaints.push(line),
      ...options,
    });
  return { system, ran, lines, complaints, change };
}

const ANCHORS = "/usr/local/share/ca-certificates";
const FILE = `${ANCHORS}/sluice-local-ca-it-s-a-box-012345.crt`;
const DEBIAN = { programs: ["update-ca-certificates"], files: { [`${ANCHORS}/x`]: "" } };

test("Debian: the file is put in its folder, the bundle made anew, and all of it said before", async () => {
  const { ran, lines, change } = paper(DEBIAN);
  assert.equal(await change(), true);
  assert.deepEqual(ran, [`install -m 0644 ${ROOT.file} ${FILE}`, "update-ca-certificates"]);
  for (const command of ran) assert.ok(lines.some((line) => line === `  ${command}`));
  assert.ok(lines.includes("To undo it: sluice trust --uninstall"));
});

test("what is there already is left alone, and what is not there needs no undoing", async () => {
  const there = paper({ ...DEBIAN, files: { [FILE]: ROOT.pem } });
  assert.equal(await there.change(), true);
  assert.deepEqual(there.ran, []);
  assert.match(there.lines.join("\n"), /has it already/);
  const other = paper({ ...DEBIAN, files: { [FILE]: "another" } });
  await other.change();
  assert.equal(other.ran.length, 2, "another root under that name is replaced");
  const absent = paper(DEBIAN);
  assert.equal(await absent.change({ uninstall: true }), true);
  assert.deepEqual(absent.ran, []);
});

test("undoing removes the file and makes the bundle anew", async () => {
  const { ran, change } = paper({ ...DEBIAN, files: { [FILE]: ROOT.pem } });
  assert.equal(await change({ uninstall: true }), true);
  assert.deepEqual(ran, [`rm -f ${FILE}`, "update-ca-certificates --fresh"]);
});

test("without rights the exact commands are printed, and nothing is run", async () => {
  const { ran, complaints, change } = paper({ ...DEBIAN, uid: 1000 });
  assert.equal(await change(), false);
  assert.deepEqual(ran, []);
  assert.deepEqual(complaints.slice(1), [
    `  sudo install -m 0644 ${ROOT.file} ${FILE}`,
    "  sudo update-ca-certificates",
  ]);
});

test("a dry run asks, and changes nothing", async () => {
  const files = { ...DEBIAN.files, "/home/me/.pki/nssdb/cert9.db": "" };
  const { ran, lines, change } = paper({ programs: [...DEBIAN.programs, "certutil"], files });
  assert.equal(await change({ dryRun: true }), true);
  assert.deepEqual(ran, [`certutil -L -d sql:/home/me/.pki/nssdb -n ${ROOT.name}`]);
  assert.match(lines.join("\n"), /certutil -A -d sql:\/home\/me\/\.pki\/nssdb -t C,, -n 'Sluice/);
  assert.match(lines.join("\n"), /'Sluice local CA it'\\''s a box 012345'/, "quoted for a shell");
});

test("Fedora and Arch: trust anchor", async () => {
  const { ran, change } = paper({ programs: ["trust"] });
  assert.equal(await change(), true);
  assert.equal(ran.at(-1), `trust anchor --store ${ROOT.file}`);
});

test("macOS: the user's keychain, the system's for root", async () => {
  const user = paper({ platform: "darwin", uid: 501 });
  await user.change();
  assert.equal(
    user.ran.at(-1),
    `security add-trusted-cert -r trustRoot -k /home/me/Library/Keychains/login.keychain-db ${ROOT.file}`,
  );
  const root = paper({ platform: "darwin", uid: 0 });
  await root.change();
  assert.match(root.ran.at(-1) ?? "", /add-trusted-cert -d .*System\.keychain/);
});

test("Windows: the user's store by certutil, which is not the one of Firefox", async () => {
  const { ran, change } = paper({
    platform: "win32",
    uid: -1,
    programs: ["certutil"],
    files: { "/home/me/.pki/nssdb/cert9.db": "" },
  });
  assert.equal(await change(), true);
  assert.deepEqual(ran.slice(1), [`certutil -user -addstore Root ${ROOT.file}`]);
});

test("Firefox's profiles are found, also those of snap; without certutil it is said what to install", async () => {
  const files = {
    "/home/me/.mozilla/firefox/abc.default/cert9.db": "",
    "/home/me/snap/firefox/common/.mozilla/firefox/x/cert9.db": "",
    "/home/me/.mozilla/firefox/profiles.ini": "",
  };
  const { ran, change } = paper({ programs: ["trust", "certutil"], files });
  await change();
  const added = ran.filter((command) => command.startsWith("certutil -A"));
  assert.equal(added.length, 2);
  const without = paper({ programs: ["trust"], files });
  await without.change();
  assert.match(without.complaints.join(), /install libnss3-tools/);
});

test("a command that fails ends the matter for its store, with what it has said", async () => {
  const { complaints, change } = paper({
    ...DEBIAN,
    run: async () => ({ ok: false, output: "no space left" }),
  });
  assert.equal(await change(), false);
  assert.match(complaints.join(), /`install -m 0644 .*` failed: no space left/);
});

test("a system that is not known is said, with what to do by hand", async () => {
  const { complaints, change } = paper({ platform: "freebsd" });
  assert.equal(await change(), false);
  assert.match(complaints.join(), /add \/data\/local-ca\/root\.crt to it by hand/);
});

async function realRoot(
  t: TestContext,
): Promise<{ place: string; root: TrustedRoot; raw: string }> {
  const place = mkdtempSync(join(tmpdir(), "sluice-trust-"));
  t.after(() => rmSync(place, { recursive: true, force: true }));
  const made = await openRoot({ folder: join(place, "data"), wall: Date.now, hostname: "box" });
  const certificate = new X509Certificate(readFileSync(made.certificateFile));
  const root: TrustedRoot = {
    name: made.name,
    file: made.certificateFile,
    pem: certificate.toString(),
    sha1: certificate.fingerprint.replaceAll(":", "").toLowerCase(),
  };
  return { place, root, raw: readFileSync(made.certificateFile, "utf8") };
}

const quiet: TrustOptions = {
  uninstall: false,
  dryRun: false,
  say: () => undefined,
  complain: () => undefined,
};

test(
  "a real database of NSS takes the root and gives it up",
  { skip: missing("certutil") },
  async (t) => {
    const { place, root } = await realRoot(t);
    const certutil = requireProgram("certutil");
    const database = join(place, ".pki/nssdb");
    mkdirSync(database, { recursive: true });
    execFileSync(certutil, ["-N", "-d", `sql:${database}`, "--empty-password"]);
    const real = thisSystem(process.env["PATH"] ?? "", place);
    // The store of the machine itself stays out of it.
    const system = { ...real, find: (name: string) => (name === "certutil" ? certutil : null) };
    const listed = (): string =>
      execFileSync(certutil, ["-L", "-d", `sql:${database}`], { encoding: "utf8" });

    await changeTrust(system, root, quiet);
    assert.match(listed(), new RegExp(`${root.name}\\s+C,,`));
    const said: string[] = [];
    await changeTrust(system, root, { ...quiet, say: (line) => said.push(line) });
    assert.match(said.join(), /has it already/);
    await changeTrust(system, root, { ...quiet, uninstall: true });
    assert.doesNotMatch(listed(), /Sluice/);
  },
);

test(
  "the real update-ca-certificates takes the root and gives it up, in a folder of its own",
  { skip: missing("update-ca-certificates", "openssl") },
  async (t) => {
    const { place, root, raw } = await realRoot(t);
    const [local, etc] = [join(place, "local"), join(place, "etc")];
    for (const folder of [local, etc, join(place, "share"), join(place, "hooks")])
      mkdirSync(folder);
    writeFileSync(join(place, "conf"), "");
    // Of no certificates at all no bundle is made.
    writeFileSync(join(local, "other.crt"), issue({ by: null, authority: true }).pem);
    const moved = (path: string): string => path.replace(ANCHORS, local);
    const real = thisSystem(process.env["PATH"] ?? "", place);
    const apart = ["--certsconf", join(place, "conf"), "--certsdir", join(place, "share")];
    apart.push("--localcertsdir", local, "--etccertsdir", etc, "--hooksdir", join(place, "hooks"));
    const system: TrustSystem = {
      ...real,
      uid: 0,
      exists: (path) => real.exists(moved(path)),
      read: (path) => real.read(moved(path)),
      run: ([program = "", ...args]) =>
        real.run([
          program,
          ...args.map(moved),
          ...(program === "update-ca-certificates" ? apart : []),
        ]),
    };
    const bundle = (): string => readFileSync(join(etc, "ca-certificates.crt"), "utf8");

    const complaints: string[] = [];
    const options = { ...quiet, complain: (line: string) => complaints.push(line) };
    await changeTrust(system, root, options);
    assert.deepEqual(complaints, []);
    assert.ok(bundle().includes(raw.trim()));
    assert.equal(await changeTrust(system, root, { ...quiet, uninstall: true }), true);
    assert.ok(!bundle().includes(raw.trim()));
    assert.deepEqual(readdirSync(local), ["other.crt"]);
  },
);
