import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { resolveReferences } from "./references.ts";
import { folder, loadText } from "./testing/stand-ins.ts";

test("references: variables, defaults and escapes", () => {
  const environment = { HOST: "app", EMPTY: "", NESTED: "${HOST}" };
  const cases: [string, string][] = [
    ["http://${HOST}:80", "http://app:80"],
    ["${HOST}${HOST}", "appapp"],
    ["${MISSING:-x}", "x"],
    ["${MISSING:-}", ""],
    ["${EMPTY:-x}", "x"],
    ["a${EMPTY}b", "ab"],
    ["$${HOST}", "${HOST}"],
    ["${HOST} $${HOST} ${HOST}", "app ${HOST} app"],
    ["$HOST $5", "$HOST $5"],
    // What a variable holds is not looked through again.
    ["${NESTED}", "${HOST}"],
    ["^/v[0-9]+$", "^/v[0-9]+$"],
  ];
  for (const [written, expected] of cases) {
    const { value, failed } = resolveReferences([written], environment, "/");
    assert.deepEqual(value, [expected]);
    assert.deepEqual(failed, []);
  }
});

test("references: one that fails says what to do", () => {
  const cases: [string, RegExp][] = [
    ["${HOTS}", /`HOTS` is not set.*did you mean `HOST`/s],
    ["${NOPE}", /`\$\{NOPE:-value\}`/],
    ["${}", /not a reference/],
    ["${1A}", /not a reference/],
    ["${A-b}", /not a reference/],
    ["${HOST", /without its `\}`/],
    ["${file:none.txt}", /does not exist/],
    ["${file:.}", /folder/],
    ["${toString}", /not set/],
  ];
  for (const [written, words] of cases) {
    const { value, failed } = resolveReferences({ key: written }, { HOST: "app" }, "/");
    assert.deepEqual(value, { key: written });
    assert.deepEqual(failed[0]?.path, ["key"]);
    assert.match(`${failed[0]?.message}\n${failed[0]?.hint}`, words);
  }
});

test("references: files are relative to the configuration, lose one line break, and are named for watching", async (t) => {
  const directory = await folder(t, { "token.txt": "secret\n\n", "crlf.txt": "x\r\n" });
  const { value, files } = resolveReferences(
    { a: "${file:token.txt}", b: "${file:crlf.txt}" },
    {},
    directory,
  );
  assert.deepEqual(value, { a: "secret\n", b: "x" });
  assert.deepEqual(files, [join(directory, "token.txt"), join(directory, "crlf.txt")]);
});

test("references: a number or truth value may come from a variable", async (t) => {
  const result = await loadText(
    t,
    'upstreams: { app: { endpoints: "localhost:${PORT}", connections: { max: "${MAX}" } } }\nforwarded: ${FORWARDED}\nworkers: ${WORKERS:-2}\n',
    { environment: { PORT: "3000", MAX: "7", FORWARDED: "true" } },
  );
  assert.ok(result.ok);
  assert.equal(result.config.upstreams[0]?.connections.max, 7);
  assert.equal(result.config.forwarded, true);
  assert.equal(result.config.workers, 2);
});

test("references: a failed one is the only mistake reported of its value, with its place", async (t) => {
  const result = await loadText(
    t,
    'upstreams:\n  app: ${TARGET}\nroutes: [{ to: app, priority: "${P}" }]\n',
  );
  assert.ok(!result.ok);
  assert.deepEqual(
    result.diagnostics.map((one) => [one.line, one.column, one.path]),
    [
      [2, 8, "upstreams.app"],
      [3, 31, "routes[0].priority"],
    ],
  );
});

test("references: a text that has to stay one is not made a number", async (t) => {
  const result = await loadText(
    t,
    'upstreams: { app: 1 }\nroutes: [{ to: app, match: { headers: { x-key: "${KEY}" } } }]\n',
    { environment: { KEY: "12345" } },
  );
  assert.ok(result.ok);
  assert.deepEqual(result.config.routes[0]?.match[0]?.headers, [
    { name: "x-key", test: { kind: "one-of", values: ["12345"] } },
  ]);
});

test("references: what they stand for is not printed", async (t) => {
  const result = await loadText(
    t,
    'upstreams: { app: 1 }\nroutes: [{ to: app, host: "${SECRET}" }]\n',
    {
      environment: { SECRET: "s3cr3t value" },
    },
  );
  assert.ok(!result.ok);
  const [problem] = result.diagnostics;
  assert.equal(problem?.message, "`${SECRET}` is not a host");
  assert.doesNotMatch(JSON.stringify(result.diagnostics), /s3cr3t/);
});
