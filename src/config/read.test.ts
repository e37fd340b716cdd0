import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { test } from "node:test";
import { renderDiagnostics } from "./diagnostic.ts";
import { loadConfig } from "./load.ts";
import { DEFAULT_FILES, displayName, findConfig } from "./read.ts";
import { folder, optionsFor } from "./testing/stand-ins.ts";

test("read: without a name the first of the known files is taken, in the documented order", async (t) => {
  const directory = await folder(t, Object.fromEntries(DEFAULT_FILES.map((name) => [name, ""])));
  for (const name of DEFAULT_FILES) {
    const found = await findConfig(directory);
    assert.equal(found === undefined ? undefined : basename(found), name);
    await rm(join(directory, name));
  }
  assert.equal(await findConfig(directory), undefined);
});

test("read: a folder without a configuration says how to come by one", async (t) => {
  const directory = await folder(t, {});
  assert.match(
    await problem(directory, undefined),
    /sluice init.*sluice --to http:\/\/localhost:3000/s,
  );
  assert.match(await problem(join(directory, "gone"), undefined), /no configuration/);
});

test("read: a file that is not there suggests the one that is", async (t) => {
  const directory = await folder(t, { "proxy.yaml": "" });
  assert.match(
    await problem(directory, "proxi.yaml"),
    /does not exist.*did you mean `proxy\.yaml`/s,
  );
  assert.match(
    await problem(directory, "other.yaml"),
    /`other\.yaml` does not exist.*sluice init/s,
  );
});

test("read: an empty file and a folder say what is missing", async (t) => {
  const directory = await folder(t, { "sluice.yaml": "# soon\n\n" });
  assert.match(await problem(directory, undefined), /the file is empty.*sluice init/s);
  assert.match(await problem(directory, "."), /is a folder.*name a file in it/s);
});

test("read: the name of a file keeps its slash when it is seen from the root", () => {
  assert.equal(displayName("/tmp/x.yaml", "/"), "/tmp/x.yaml");
  assert.equal(displayName("/tmp/x.yaml", "/tmp"), "x.yaml");
});

test("read: an unknown extension is refused before the file is read", async (t) => {
  const directory = await folder(t, { "sluice.toml": "", "nginx.conf": "" });
  assert.match(await problem(directory, "sluice.toml"), /does not end in `\.toml`.*`\.yaml`/s);
  assert.match(await problem(directory, "nginx.conf"), /does not end in `\.conf`/);
  assert.match(await problem(directory, "sluice"), /a configuration has an ending.*`\.yaml`/s);
});

test("read: JSON, with the schema's name and a byte order mark, is a configuration", async (t) => {
  const directory = await folder(t, {
    "sluice.json": '\u{feff}{ "$schema": "./sluice.schema.json", "upstreams": { "app": ":3000" } }',
  });
  const result = await loadConfig(optionsFor(directory));
  assert.ok(result.ok, result.ok ? "" : renderDiagnostics(result.diagnostics));
  assert.deepEqual(result.files, [join(directory, "sluice.json")]);
  assert.equal(result.module, null);
});

test("read: the files that references name are watched, also when the configuration fails", async (t) => {
  const directory = await folder(t, {
    "sluice.yaml": "upstreams: { app: '${file:target}' }\nroutes: [{ to: apq }]\n",
    target: "http://localhost:3000\n",
  });
  const result = await loadConfig(optionsFor(directory));
  assert.ok(!result.ok);
  assert.deepEqual(result.files, [join(directory, "sluice.yaml"), join(directory, "target")]);
  assert.equal(result.diagnostics.length, 1);
});

async function problem(directory: string, path: string | undefined): Promise<string> {
  const result = await loadConfig(optionsFor(directory, { origin: { kind: "file", path } }));
  assert.ok(!result.ok);
  return renderDiagnostics(result.diagnostics);
}
