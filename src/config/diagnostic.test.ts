import assert from "node:assert/strict";
import { test } from "node:test";
import { type Diagnostic, renderDiagnostic, renderDiagnostics } from "./diagnostic.ts";

const base: Diagnostic = {
  severity: "error",
  file: "sluice.yaml",
  line: 2,
  column: 5,
  length: 4,
  path: "a.b",
  message: "wrong",
  hint: "do better",
};

test("diagnostic: shows the line before, the line, a caret and the hint", () => {
  const text = (): string => "first:\n  b: evil # x\n";
  assert.equal(
    renderDiagnostic({ ...base, column: 6 }, { text }),
    [
      "sluice.yaml:2:6: error: wrong",
      "  1 | first:",
      "  2 |   b: evil # x",
      "    |      ^^^^",
      "  hint: do better",
    ].join("\n"),
  );
});

test("diagnostic: the caret stays under its character behind tabs, and within the line", () => {
  const lines = renderDiagnostic(
    { ...base, line: 1, column: 3, length: 99 },
    { text: () => "\t\tab" },
  ).split("\n");
  assert.equal(lines[1], "  1 |   ab");
  assert.equal(lines[2], "    |   ^^");
  const beyond = renderDiagnostic({ ...base, line: 1, column: 50 }, { text: () => "ab" }).split(
    "\n",
  );
  assert.equal(beyond[2], "    |   ^");
});

test("diagnostic: a very long line is cut, and control characters do not reach the terminal", () => {
  const rendered = renderDiagnostic(
    { ...base, line: 1, column: 1, message: "bad \u001b[2J" },
    { text: () => `\u001b]0;x${"y".repeat(5000)}` },
  );
  assert.ok(rendered.split("\n").every((line) => line.length < 140));
  assert.doesNotMatch(rendered, /\u001b/);
});

test("diagnostic: without a position the path stands for it", () => {
  assert.equal(
    renderDiagnostic({ ...base, line: null, column: null, hint: null }),
    "sluice.yaml: a.b: error: wrong",
  );
});

test("diagnostic: all are sorted by place and counted", () => {
  const rendered = renderDiagnostics([
    { ...base, line: 9, severity: "warning" },
    base,
    { ...base, column: 1 },
    { ...base, file: "a.yaml", line: 99 },
  ]);
  assert.deepEqual(
    [...rendered.matchAll(/^\S+:\d+:\d+/gm)].map(([place]) => place),
    ["a.yaml:99:5", "sluice.yaml:2:1", "sluice.yaml:2:5", "sluice.yaml:9:5"],
  );
  assert.match(rendered, /\n3 errors, 1 warning\n$/);
});

test("diagnostic: colours only when asked for", () => {
  assert.match(renderDiagnostic(base, { color: true }), /\u001b\[31merror\u001b\[0m/);
  assert.doesNotMatch(renderDiagnostic(base), /\u001b/);
});
