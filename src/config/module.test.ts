import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { renderDiagnostics } from "./diagnostic.ts";
import { loadConfig } from "./load.ts";
import { importConfig } from "./module.ts";
import { folder, optionsFor } from "./testing/stand-ins.ts";

const aliases = { sluice: new URL("define.ts", import.meta.url).href };

test("module: a TypeScript configuration outside any package imports `sluice`", async (t) => {
  const directory = await folder(t, {
    "sluice.config.ts": `
      import { defineConfig } from "sluice";
      const port: number = 3000;
      export default defineConfig({ upstreams: { app: { endpoints: port } }, routes: [{ to: "app" }] });
    `,
  });
  const result = await loadConfig(optionsFor(directory, { aliases }));
  assert.ok(result.ok, result.ok ? "" : renderDiagnostics(result.diagnostics));
  assert.equal(result.config.upstreams[0]?.endpoints[0]?.url, "http://localhost:3000");
  assert.match(result.module ?? "", /^file:.*sluice\.config\.ts$/);
});

test("module: each generation reads the configuration and what it imports anew", async (t) => {
  const directory = await folder(t, {
    "ports.ts": "export const port: number = 1001;",
    "sluice.config.ts": `
      import { port } from "./ports.ts";
      export default { upstreams: { app: port } };
    `,
  });
  let files: string[] = [];
  const load = async (generation: number): Promise<string | undefined> => {
    const result = await loadConfig(optionsFor(directory, { aliases, generation }));
    assert.ok(result.ok);
    files = result.files.map((file) => file.slice(directory.length + 1));
    return result.config.upstreams[0]?.endpoints[0]?.url;
  };
  assert.equal(await load(1), "http://localhost:1001");
  assert.deepEqual(files, ["sluice.config.ts", "ports.ts"]);
  await writeFile(join(directory, "ports.ts"), "export const port: number = 1002;");
  assert.equal(await load(1), "http://localhost:1001");
  assert.equal(await load(2), "http://localhost:1002");
});

test("module: the default export may be a function of the environment, also one that waits", async (t) => {
  const directory = await folder(t, {
    "a.config.mjs": "export default async (env) => ({ upstreams: { app: env.TARGET } });",
  });
  const options = optionsFor(directory, {
    origin: { kind: "file", path: "a.config.mjs" },
    environment: { TARGET: "localhost:7000" },
  });
  const result = await loadConfig(options);
  assert.ok(result.ok);
  assert.equal(result.config.upstreams[0]?.endpoints[0]?.url, "http://localhost:7000");
});

test("module: inline filters keep their functions, and a worker finds the same ones by their place", async (t) => {
  const directory = await folder(t, {
    "sluice.config.ts": `
      export default {
        upstreams: { app: 3000 },
        routes: [{ to: "app", use: [(context: unknown) => context, { onEnd() {} }, { stripPrefix: "/a" }] }],
      };
    `,
  });
  const result = await loadConfig(optionsFor(directory, { aliases, generation: 7 }));
  assert.ok(result.ok, result.ok ? "" : renderDiagnostics(result.diagnostics));
  const [route] = result.config.routes;
  assert.deepEqual(
    route?.use.map((step) => step.kind),
    ["inline", "inline", "named"],
  );
  const again = await importConfig(join(directory, "sluice.config.ts"), {
    generation: 7,
    aliases,
    environment: {},
  });
  const value = again.value as { routes: { use: unknown[] }[] };
  const [first] = route?.use ?? [];
  assert.equal(first?.kind === "inline" ? first.filter : undefined, value.routes[0]?.use[0]);
});

test("module: what a program throws is reported with its place", async (t) => {
  const directory = await folder(t, {
    "sluice.config.ts": 'import "./other.ts";\nexport default {};',
    "other.ts": 'const a = 1;\nthrow new Error("no such thing");',
  });
  const result = await loadConfig(optionsFor(directory, { aliases }));
  assert.ok(!result.ok);
  const [problem] = result.diagnostics;
  assert.equal(`${problem?.file}:${problem?.line}`, "other.ts:2");
  assert.equal(problem?.message, "the module failed: no such thing");
  assert.match(result.sources.text("other.ts") ?? "", /no such thing/);
  // A change to either may repair it.
  assert.equal(result.files.length, 2);
});

test("module: a syntax error is reported with its line", async (t) => {
  const directory = await folder(t, {
    "sluice.config.ts": "const a: number = 1;\n\nexport default { upstreams: { app: 1 };\n",
  });
  const result = await loadConfig(optionsFor(directory, { aliases }));
  assert.ok(!result.ok);
  assert.equal(result.diagnostics[0]?.file, "sluice.config.ts");
  assert.equal(result.diagnostics[0]?.line, 3);
});

test("module: a module without a default export, and an import that leads nowhere, are explained", async (t) => {
  const directory = await folder(t, {
    "none.ts": "export const config = {};",
    "lost.ts": 'import "./gone.ts";\nexport default {};',
  });
  const load = async (path: string): Promise<string> => {
    const result = await loadConfig(
      optionsFor(directory, { aliases, origin: { kind: "file", path } }),
    );
    assert.ok(!result.ok);
    return renderDiagnostics(result.diagnostics);
  };
  assert.match(await load("none.ts"), /no default export.*defineConfig/s);
  assert.match(await load("lost.ts"), /Cannot find module.*gone\.ts/s);
});

test("module: mistakes in a TypeScript configuration name the file and the path", async (t) => {
  const directory = await folder(t, {
    "sluice.config.ts": 'export default { upstreams: { api: 1 }, routes: [{ to: "apii" }] };',
  });
  const result = await loadConfig(optionsFor(directory, { aliases }));
  assert.ok(!result.ok);
  assert.match(
    renderDiagnostics(result.diagnostics),
    /^sluice\.config\.ts: routes\[0\]\.to: error: there is no upstream `apii`\n {2}hint: did you mean `api`\?$/m,
  );
});

test("module: other imports of the process are not touched", async (t) => {
  const directory = await folder(t, {
    "sluice.config.mjs": "export default { a: (await import('node:path')).sep };",
    "plain.mjs": "export default import.meta.url;",
  });
  const imported = await importConfig(join(directory, "sluice.config.mjs"), {
    generation: 1,
    aliases,
    environment: {},
  });
  assert.deepEqual(Object.keys(imported.value as object), ["a"]);
  const plain = (await import(join(directory, "plain.mjs"))) as { default: string };
  assert.doesNotMatch(plain.default, /\?/);
});
