/** The places where a machine keeps the authorities that its programs trust, and the commands that change them. */

import { join } from "node:path";

import type { TrustSystem } from "./system.ts";

/** The root that is to be trusted. */
export interface TrustedRoot {
  /** Its common name, which no other root has. */
  readonly name: string;
  /** File with its certificate as PEM, and what is in it. */
  readonly file: string;
  readonly pem: string;
  /** SHA-1 of the certificate, hexadecimal: what Windows and macOS find it by. */
  readonly sha1: string;
}

/** One trust store of this machine. */
export interface TrustStore {
  /** For people: `the trust store of Debian`. */
  readonly name: string;
  /** Only root may change it. */
  readonly needsRoot: boolean;
  /** The root is in it. */
  readonly has: () => Promise<boolean>;
  /** Commands that put it in, and that take it out again. */
  readonly install: readonly (readonly string[])[];
  readonly uninstall: readonly (readonly string[])[];
}

/** Something that cannot be done by itself, in a sentence. */
export interface FoundStores {
  readonly stores: readonly TrustStore[];
  readonly notes: readonly string[];
}

/** Looks for the trust stores of this machine. Changes nothing. */
export function findStores(system: TrustSystem, root: TrustedRoot): FoundStores {
  const stores: TrustStore[] = [];
  const notes: string[] = [];
  const ofSystem = systemStore(system, root);
  if (ofSystem !== null) stores.push(ofSystem);
  else {
    notes.push(
      `the trust store of this system is not known: add ${root.file} to it by hand, or name it to programs one by one (curl --cacert, NODE_EXTRA_CA_CERTS)`,
    );
  }
  // On Windows another program has that name, and its browsers use the system's store.
  if (system.platform === "win32") return { stores, notes };
  const databases = nssDatabases(system);
  if (databases.length > 0 && system.find("certutil") === null) {
    notes.push(
      "Firefox and Chromium have their own trust stores, which takes certutil: install libnss3-tools (Debian), nss-tools (Fedora) or nss, and run this again",
    );
  } else stores.push(...databases.map((folder) => nssStore(system, root, folder)));
  return { stores, notes };
}

function systemStore(system: TrustSystem, root: TrustedRoot): TrustStore | null {
  switch (system.platform) {
    case "darwin":
      return macStore(system, root);
    case "win32":
      return windowsStore(system, root);
    case "linux":
      return linuxStore(system, root);
    default:
      return null;
  }
}

/** Where Debian, Ubuntu, Alpine and others keep authorities that were added by hand. */
const LOCAL_AUTHORITIES = "/usr/local/share/ca-certificates";

function linuxStore(system: TrustSystem, root: TrustedRoot): TrustStore | null {
  if (system.find("update-ca-certificates") !== null && system.exists(LOCAL_AUTHORITIES)) {
    const file = join(LOCAL_AUTHORITIES, `${fileName(root.name)}.crt`);
    return {
      name: "the trust store of the system (curl, git and most other programs)",
      needsRoot: true,
      has: async () => system.read(file) === root.pem,
      install: [["install", "-m", "0644", root.file, file], ["update-ca-certificates"]],
      uninstall: [
        ["rm", "-f", file],
        ["update-ca-certificates", "--fresh"],
      ],
    };
  }
  // p11-kit: Fedora, Arch, openSUSE.
  if (system.find("trust") !== null) {
    return {
      name: "the trust store of the system (curl, git and most other programs)",
      needsRoot: true,
      has: async () => {
        const { output } = await system.run(["trust", "list", "--filter=ca-anchors"]);
        return output.includes(`label: ${root.name}`);
      },
      install: [["trust", "anchor", "--store", root.file]],
      uninstall: [["trust", "anchor", "--remove", root.file]],
    };
  }
  return null;
}

function macStore(system: TrustSystem, root: TrustedRoot): TrustStore {
  const forAll = system.uid === 0;
  const keychain = forAll
    ? "/Library/Keychains/System.keychain"
    : join(system.home, "Library/Keychains/login.keychain-db");
  const admin = forAll ? ["-d"] : [];
  return {
    name: forAll ? "the system's keychain" : "your keychain",
    needsRoot: false,
    has: async () => {
      const command = ["security", "find-certificate", "-a", "-Z", "-c", root.name, keychain];
      const { output } = await system.run(command);
      return output.toLowerCase().includes(root.sha1);
    },
    install: [
      ["security", "add-trusted-cert", ...admin, "-r", "trustRoot", "-k", keychain, root.file],
    ],
    uninstall: [
      ["security", "remove-trusted-cert", ...admin, root.file],
      ["security", "delete-certificate", "-Z", root.sha1.toUpperCase(), keychain],
    ],
  };
}

function windowsStore(system: TrustSystem, root: TrustedRoot): TrustStore {
  return {
    name: "your trust store (Windows asks whether you mean it)",
    needsRoot: false,
    has: async () => {
      const command = ["certutil", "-user", "-verifystore", "Root", root.sha1];
      return (await system.run(command)).ok;
    },
    install: [["certutil", "-user", "-addstore", "Root", root.file]],
    uninstall: [["certutil", "-user", "-delstore", "Root", root.sha1]],
  };
}

/** Folders with the databases of Firefox and Chromium, also where snap and flatpak put them. */
function nssDatabases({ home, exists, list }: TrustSystem): string[] {
  const profiles = [
    ".mozilla/firefox",
    "snap/firefox/common/.mozilla/firefox",
    ".var/app/org.mozilla.firefox/.mozilla/firefox",
    "Library/Application Support/Firefox/Profiles",
  ].map((folder) => join(home, folder));
  const candidates = [
    join(home, ".pki/nssdb"),
    join(home, "snap/chromium/current/.pki/nssdb"),
    ...profiles.flatMap((folder) => list(folder).map((name) => join(folder, name))),
  ];
  return candidates.filter((folder) => exists(join(folder, "cert9.db")));
}

function nssStore(system: TrustSystem, root: TrustedRoot, folder: string): TrustStore {
  const database = ["-d", `sql:${folder}`];
  const who = folder.includes(".pki") ? "Chromium" : "Firefox";
  return {
    name: `the trust store of ${who} (${folder})`,
    needsRoot: false,
    has: async () => (await system.run(["certutil", "-L", ...database, "-n", root.name])).ok,
    install: [["certutil", "-A", ...database, "-t", "C,,", "-n", root.name, "-i", root.file]],
    uninstall: [["certutil", "-D", ...database, "-n", root.name]],
  };
}

function fileName(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
}
