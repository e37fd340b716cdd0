/**
 * pebble, a certificate authority for tests, with the name server that comes with it. It refuses half of all nonces and
 * never takes an old authorization, and looks at names on the ports that it is told.
 */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:https";
import { type AddressInfo, type Server, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { issue } from "#tls/certificates.fixture.ts";
import { requireProgram } from "./requires.ts";
import type { Lifetime } from "./sluice.ts";

/** How a test wants it. */
export interface PebbleOptions {
  /** Where names are asked by http-01. */
  readonly httpPort?: number;
  /** Where names are asked by tls-alpn-01. */
  readonly tlsPort?: number;
  /** Accounts have to be bound to one of these: key ids, with keys in base64url. */
  readonly eab?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
}

/** An authority that runs. */
export interface Pebble {
  /** URL of its directory. */
  readonly directory: string;
  /** PEM of whom its own server is verified with. */
  readonly ca: string;
  /** The same as a file. */
  readonly caFile: string;
  /** URL where records of its name server are made: `POST /set-txt`, `/clear-txt`. */
  readonly dns: string;
  /** Address of this name server. */
  readonly resolver: string;
  /** PEM of the root under which it issues. */
  root(): Promise<string>;
  /** What it has written. */
  output(): string;
  stop(): Promise<void>;
}

/**
 * Ports that are free. They are below those that the system hands out by itself, so that no other test and no connection
 * gets one of them before it is used.
 */
export async function freePorts(count: number): Promise<number[]> {
  const servers: Server[] = [];
  while (servers.length < count) {
    const server = createServer().listen(randomInt(10_000, 32_000), "127.0.0.1");
    const isFree = await once(server, "listening").then(
      () => true,
      () => false,
    );
    if (isFree) servers.push(server);
  }
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}

/** Starts both. They never outlive the test. */
export async function startPebble(t: Lifetime, options: PebbleOptions = {}): Promise<Pebble> {
  const [api = 0, management = 0, dns = 0, records = 0, spareHttp, spareTls] = await freePorts(6);
  const directory = mkdtempSync(join(tmpdir(), "sluice-pebble-"));
  const file = (name: string): string => join(directory, name);
  const root = issue({ by: null, commonName: "Pebble's own", authority: true });
  const leaf = issue({ by: root, names: ["localhost", "127.0.0.1"] });
  writeFileSync(file("ca.pem"), root.pem);
  writeFileSync(file("cert.pem"), leaf.pem);
  writeFileSync(file("key.pem"), leaf.key);
  writeFileSync(
    file("config.json"),
    JSON.stringify({
      pebble: {
        listenAddress: `127.0.0.1:${api}`,
        managementListenAddress: `127.0.0.1:${management}`,
        certificate: file("cert.pem"),
        privateKey: file("key.pem"),
        httpPort: options.httpPort ?? spareHttp,
        tlsPort: options.tlsPort ?? spareTls,
        ocspResponderURL: "",
        externalAccountBindingRequired: options.eab !== undefined,
        ...(options.eab === undefined ? {} : { externalAccountMACKeys: options.eab }),
      },
    }),
  );
  const names = start("pebble-challtestsrv", [
    "-defaultIPv6",
    "",
    "-defaultIPv4",
    "127.0.0.1",
    "-dns01",
    `127.0.0.1:${dns}`,
    "-management",
    `127.0.0.1:${records}`,
    "-http01",
    "",
    "-https01",
    "",
    "-tlsalpn01",
    "",
  ]);
  const authority = start(
    "pebble",
    ["-config", file("config.json"), "-strict", "-dnsserver", `127.0.0.1:${dns}`],
    {
      PEBBLE_WFE_NONCEREJECT: "50",
      PEBBLE_AUTHZREUSE: "0",
      PEBBLE_VA_NOSLEEP: "1",
      ...options.environment,
    },
  );
  const stop = async (): Promise<void> => {
    await Promise.all([names.stop(), authority.stop()]);
    rmSync(directory, { recursive: true, force: true });
  };
  t.after(stop);
  await Promise.all([names.said(/management/i), authority.said(/ACME directory available/)]);
  return {
    directory: `https://127.0.0.1:${api}/dir`,
    ca: root.pem,
    caFile: file("ca.pem"),
    dns: `http://127.0.0.1:${records}`,
    resolver: `127.0.0.1:${dns}`,
    root: () => fetchPem(`https://127.0.0.1:${management}/roots/0`, root.pem),
    output: () => authority.output(),
    stop,
  };
}

interface Program {
  said(words: RegExp): Promise<void>;
  output(): string;
  stop(): Promise<void>;
}

function start(name: string, args: readonly string[], environment = {}): Program {
  const child: ChildProcess = spawn(requireProgram(name), [...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...environment },
  });
  let output = "";
  let look = (): void => undefined;
  const add = (text: string): void => {
    output += text;
    look();
  };
  child.stdout?.setEncoding("utf8").on("data", add);
  child.stderr?.setEncoding("utf8").on("data", add);
  const ended = once(child, "close");
  return {
    output: () => output,
    said: (words) =>
      new Promise((resolve, reject) => {
        look = () => {
          if (words.test(output)) resolve();
        };
        void ended.then(() => reject(new Error(`${name} has ended:\n${output}`)));
        look();
      }),
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
      await ended;
    },
  };
}

function fetchPem(url: string, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { ca, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece: string) => (text += piece));
      response.on("end", () => {
        assert.match(text, /BEGIN CERTIFICATE/);
        resolve(text);
      });
    }).on("error", reject);
  });
}
