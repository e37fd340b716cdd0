/**
 * The package as a user gets it: packed, installed from its tarball into an empty folder without
 * development and optional dependencies, and then run, imported and compiled against.
 */

import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { foreseeable } from "#transport/uring/unavailable.ts";
import { unless } from "../harness/requires.ts";

const root = join(import.meta.dirname, "../..");
const npm = process.platform === "win32" ? "npm.cmd" : "npm";

/** The environment of a user's shell: what `npm test` adds for its own scripts would mislead npm. */
const environment = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) =>
        !/^(?:npm_(?!config_(?:cache|registry|userconfig)$)|INIT_CWD$|NODE_(?:OPTIONS|TEST_CONTEXT)$)/iu.test(
          name,
        ),
    ),
  ),
  PATH: [dirname(process.execPath), process.env["PATH"]].join(delimiter),
  SLUICE_TRANSPORT: "auto",
};

const folder = mkdtempSync(join(tmpdir(), "sluice-packed-"));
const home = join(folder, "application");
const sluice = join(home, "node_modules/.bin/sluice");

const backend = createServer((request, response) => {
  response.setHeader("x-backend", "seen");
  response.end(`hello from ${request.url}`);
});
let backendUrl = "";
let tarball = "";

async function run(
  program: string,
  args: readonly string[],
  cwd: string,
): Promise<{ stdout: string; stderr: string }> {
  const options = { cwd, env: environment, shell: program.endsWith(".cmd") };
  return promisify(execFile)(program, args, options);
}

interface Proxy {
  readonly url: string;
  /** Everything that it has printed on standard error so far. */
  readonly log: () => string;
  readonly stop: () => Promise<number | null>;
}

/** Starts `sluice` and waits for its address. Throws with what it has printed when it ends before. */
async function start(args: readonly string[], cwd: string): Promise<Proxy> {
  const child: ChildProcess = spawn(sluice, args, {
    cwd,
    env: environment,
    stdio: ["ignore", "ignore", "pipe"],
  });
  assert.ok(child.stderr);
  const ended = once(child, "exit");
  const lines: string[] = [];
  const reader = createInterface({ input: child.stderr });
  const url = await new Promise<string>((resolve, reject) => {
    reader.on("line", (line) => {
      lines.push(line);
      const found = /listening on (http:\/\/127\.0\.0\.1:\d+)/u.exec(line)?.[1];
      if (found !== undefined) resolve(found);
    });
    reader.on("close", () => reject(new Error(`sluice has ended:\n${lines.join("\n")}`)));
  });
  return {
    url,
    log: () => lines.join("\n"),
    stop: async () => {
      child.kill("SIGTERM");
      const [code] = (await ended) as [number | null];
      return code;
    },
  };
}

async function assertProxies({ url }: Pick<Proxy, "url">): Promise<void> {
  const response = await fetch(`${url}/some/path?q=1`);
  assert.equal(await response.text(), "hello from /some/path?q=1");
  assert.equal(response.headers.get("x-backend"), "seen");
}

describe("the packed package", { timeout: 240_000 }, () => {
  before(async () => {
    backend.listen(0, "127.0.0.1");
    await once(backend, "listening");
    backendUrl = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`;

    mkdirSync(home);
    await run(npm, ["pack", "--silent", "--pack-destination", folder], root);
    const packed = readdirSync(folder).find((file) => file.endsWith(".tgz"));
    assert.ok(packed, "npm pack has written no tarball");
    tarball = join(folder, packed);
    const flags = ["--omit=dev", "--omit=optional", "--no-audit", "--no-fund", "--prefer-offline"];
    await run(npm, ["install", ...flags, tarball], home);
  });

  after(() => {
    backend.close();
    rmSync(folder, { recursive: true });
  });

  test("has nothing to object to for publint", async () => {
    const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as object;
    const packed = new Uint8Array(readFileSync(tarball));
    const { messages } = await publint({ strict: true, pack: { tarball: packed.buffer } });
    assert.deepEqual(
      messages.map((message) => formatMessage(message, { ...manifest })),
      [],
    );
  });

  test("carries the program, its licence and its papers, and neither sources nor tests", async () => {
    const { stdout } = await run("tar", ["-tzf", tarball], folder);
    const files = stdout.trim().split("\n");
    for (const file of [
      "LICENSE",
      "README.md",
      "CHANGELOG.md",
      "bin/sluice",
      "dist/index.d.ts",
      "dist/schema.LICENSE",
    ]) {
      assert.ok(files.includes(`package/${file}`), `${file} is missing`);
    }
    const unwanted = files.filter((file) =>
      /\.test\.|(?<!\.d)\.ts$|^package\/(?:src|test)\//u.test(file),
    );
    assert.deepEqual(unwanted, []);
  });

  test("a worker loads nothing of the schema library, and no package", () => {
    const dist = join(home, "node_modules/sluice/dist");
    const loaded = new Set(["worker.js"]);
    const outside: string[] = [];
    for (const file of loaded) {
      const text = readFileSync(join(dist, file), "utf8");
      assert.doesNotMatch(text, /ZodError|ZodType/u, file);
      for (const [, specifier = ""] of text.matchAll(
        /^(?:im|ex)port\b[^"';]*["']([^"']+)["']/gmu,
      )) {
        if (specifier.startsWith("./")) loaded.add(specifier.slice(2));
        else if (!specifier.startsWith("node:")) outside.push(`${file}: ${specifier}`);
      }
    }
    assert.deepEqual(outside, []);
    assert.ok(loaded.has("shared.js"), "the imports of the worker were not understood");
    assert.match(readFileSync(join(dist, "schema.js"), "utf8"), /ZodError/u);
  });

  test("sluice version prints the version of the package", async () => {
    const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      readonly version: string;
    };
    const { stdout } = await run(sluice, ["version"], home);
    assert.ok(stdout.includes(manifest.version), stdout);
  });

  test("sluice --to proxies to a backend, and stops with code 0", async () => {
    const proxy = await start(["--to", backendUrl, "--listen", "127.0.0.1:0"], home);
    try {
      await assertProxies(proxy);
    } finally {
      assert.equal(await proxy.stop(), 0, proxy.log());
    }
  });

  test(
    "moves bytes with Node's sockets without the optional package, and with io_uring with it",
    { skip: unless(foreseeable() === null, "needs io_uring") },
    async () => {
      const transportOf = async (): Promise<string> => {
        const proxy = await start(["--to", backendUrl, "--listen", "127.0.0.1:0"], home);
        await assertProxies(proxy);
        assert.equal(await proxy.stop(), 0, proxy.log());
        return /transport (?:node|uring) [^"]+/u.exec(proxy.log())?.[0] ?? "";
      };
      assert.match(
        await transportOf(),
        /^transport node .*the optional package koffi is not installed/u,
      );
      const modules = join(home, "node_modules");
      for (const name of ["koffi", "@koromix"]) {
        cpSync(join(root, "node_modules", name), join(modules, name), { recursive: true });
      }
      try {
        assert.match(await transportOf(), /^transport uring /u);
      } finally {
        for (const name of ["koffi", "@koromix"]) rmSync(join(modules, name), { recursive: true });
      }
    },
  );

  test("runs two workers on a TypeScript configuration outside of any package", async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), "sluice-config-"));
    const file = join(elsewhere, "sluice.config.ts");
    writeFileSync(
      file,
      `import { defineConfig } from "sluice";

       const backend: string = ${JSON.stringify(backendUrl)};

       export default defineConfig({
         listen: [{ address: "127.0.0.1:0" }],
         upstreams: { backend },
         routes: [{ match: "/*", to: "backend" }],
         workers: 2,
         admin: "off",
       });
      `,
    );
    try {
      const proxy = await start(["run", "-c", file], elsewhere);
      try {
        await Promise.all(Array.from({ length: 20 }, async () => assertProxies(proxy)));
      } finally {
        assert.equal(await proxy.stop(), 0, proxy.log());
      }
    } finally {
      rmSync(elsewhere, { recursive: true });
    }
  });

  test("createProxy runs the proxy inside a program", async () => {
    const program = `
      import { createProxy } from "sluice";
      const proxy = await createProxy({
        listen: [{ address: "127.0.0.1:0" }],
        upstreams: { backend: ${JSON.stringify(backendUrl)} },
        routes: [{ match: "/*", to: "backend" }],
        workers: 1,
        admin: "off",
      });
      await proxy.listen();
      const answer = await fetch(proxy.addresses[0].url);
      console.log(answer.status, answer.headers.get("via") !== null);
      await proxy.close();
      console.log("closed");
    `;
    writeFileSync(join(home, "program.mjs"), program);
    const { stdout } = await run(process.execPath, ["program.mjs"], home);
    assert.equal(stdout, "200 true\nclosed\n");
  });

  test("its types compile in a strict project, and reject what is wrong", async () => {
    writeFileSync(
      join(home, "program.ts"),
      `import { createProxy, defineConfig } from "sluice";
       import type {} from "sluice/sdk";
       import type {} from "sluice/sdk/config";
       createProxy(defineConfig({
         upstreams: { backend: "http://127.0.0.1:1" },
         routes: [{ match: "/*", to: "backend" }],
       }));
       defineConfig({
         upstreams: { backend: "http://127.0.0.1:1" },
         // @ts-expect-error the name of no upstream
         routes: [{ match: "/*", to: "backed" }],
       });
      `,
    );
    const compiler = join(root, "node_modules/typescript/bin/tsc");
    const types = ["--typeRoots", join(root, "node_modules/@types"), "--types", "node"];
    const strict = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2024"];
    const args = [compiler, ...strict, ...types, "program.ts"];
    await assert.doesNotReject(async () => run(process.execPath, args, home));
  });
});
