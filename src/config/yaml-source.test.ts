import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type ConfigPath, SourceMap, formatPath, parsePath } from "./source-map.ts";
import { parseYaml } from "./yaml-source.ts";

test("yaml: every key and value has its place", () => {
  const source = parseYaml(
    'listen: :80\nroutes:\n  - match:\n      host: "a.b"\n    use: [{ x: 1 }]\n',
    "f.yaml",
  );
  const sources = new SourceMap(source.index);
  const at = (path: string, part: "key" | "value"): string => {
    const { line, column, length } = sources.at(path, part);
    return `${line}:${column}+${length}`;
  };
  assert.equal(at("listen", "key"), "1:1+6");
  assert.equal(at("listen", "value"), "1:9+3");
  assert.equal(at("routes[0].match.host", "key"), "4:7+4");
  assert.equal(at("routes[0].match.host", "value"), "4:13+5");
  assert.equal(at("routes[0].use[0].x", "value"), "5:16+1");
  // What is not there has the place of what surrounds it.
  assert.equal(at("routes[0].match.path[2]", "value"), "3:5+5");
  assert.equal(at("timeouts.connect", "value"), "1:1+11");
  assert.deepEqual(source.diagnostics, []);
});

test("yaml: a value from an anchor or a merged mapping has the place where it was written", () => {
  const source = parseYaml(
    "a: &a { to: x }\nb: *a\nc: { <<: *a, own: 1 }\nd: { <<: [*a] }\n",
    "f.yaml",
  );
  assert.deepEqual(source.value, {
    a: { to: "x" },
    b: { to: "x" },
    c: { own: 1, to: "x" },
    d: { to: "x" },
  });
  const sources = new SourceMap(source.index);
  for (const path of ["a.to", "b.to", "c.to", "d.to"]) assert.equal(sources.at(path).line, 1, path);
  assert.equal(sources.at("b").line, 2);
  assert.equal(sources.at("c.own").line, 3);
});

test("yaml: JSON is read by the same reader, tabs and all", () => {
  const source = parseYaml(
    '{\n\t"listen": ":80",\n\t"routes": [\n\t\t{"to": "a"}\n\t]\n}\n',
    "f.json",
  );
  assert.deepEqual(source.value, { listen: ":80", routes: [{ to: "a" }] });
  assert.equal(new SourceMap(source.index).at("routes[0].to").line, 4);
});

test("yaml: mistakes of syntax are told in plain words, with their place", () => {
  const cases: [string, number, RegExp][] = [
    ["a: 1\na: 2\n", 2, /this key stands twice, first on line 1/],
    ["a:\n  - b: 1\n    c: 2\n    b: 3\n", 4, /this key stands twice, first on line 2/],
    ["a:\n\tb: 1\n", 2, /not indented with tabs.*use spaces/s],
    ["a: {b: 1\nc: 2\n", 2, /`\{` or `\[` above is not closed/],
    ["a:\n  b: 1\n c: 2\n", 3, /indentation does not fit/],
    ['a: "x\n', 2, /begins with " is not closed/],
    ["a: *.example.com\n", 1, /`\*\.example\.com` for an alias.*quote it: "\*\.example\.com"/s],
    ["a: 1\n---\nb: 2\n", 2, /second YAML document/],
    ["a: [::1]:80\n", 1, /quote an IPv6 address/],
    ["a: @x\n", 1, /quote values/],
    ["a: { b: ${C} }\n", 1, /a reference is quoted/],
    ["a: [1\n", 2, /missing bracket|not closed/],
  ];
  for (const [text, line, words] of cases) {
    const { diagnostics } = parseYaml(text, "f.yaml");
    assert.equal(diagnostics.length, 1, JSON.stringify(diagnostics));
    assert.equal(diagnostics[0]?.line, line, text);
    assert.match(`${diagnostics[0]?.message}\n${diagnostics[0]?.hint}`, words);
  }
});

test("yaml: a key that stands twice does not hide the rest of the mistakes", () => {
  const { broken, value } = parseYaml("a: 1\na: 2\nb: 3\n", "f.yaml");
  assert.equal(broken, false);
  assert.deepEqual(Object.keys(value as object), ["a", "b"]);
});

test("yaml: aliases that multiply are refused instead of filling the memory", () => {
  const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"];
  for (let level = 1; level < 12; level++) {
    const inner = Array.from({ length: 10 }, () => `*a${level - 1}`).join(", ");
    lines.push(`a${level}: &a${level} [${inner}]`);
  }
  const { broken, diagnostics } = parseYaml(lines.join("\n"), "f.yaml");
  assert.ok(broken);
  assert.match(diagnostics[0]?.message ?? "", /used too often/);
});

test("yaml: an empty file and one of comments hold nothing", () => {
  for (const text of ["", "# nothing\n", "\n\n", "---\n"]) {
    const { value, diagnostics, broken } = parseYaml(text, "f.yaml");
    assert.deepEqual([value ?? null, diagnostics, broken], [null, [], false]);
  }
});

test("yaml: no text makes the reader throw, and every place lies in the text", () => {
  const piece = fc.constantFrom(
    "a",
    ": ",
    "- ",
    "\n",
    "  ",
    "{",
    "}",
    "[",
    "]",
    "*a",
    "&a ",
    '"',
    "'",
    "\t",
    "|",
    "!",
    "#",
    "%",
    ",",
    "<<: ",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 25 }), (pieces) => {
      const text = pieces.join("");
      const lines = text.split("\n").length;
      for (const one of parseYaml(text, "f.yaml").diagnostics) {
        assert.ok((one.line ?? 0) >= 1 && (one.line ?? 0) <= lines);
        assert.notEqual(one.hint, null);
      }
    }),
    { numRuns: 1000 },
  );
});

test("source map: paths and their text form are the same", () => {
  const key = fc.oneof(fc.nat(99), fc.constantFrom("routes", "x-beta", "a.b", 'q"]', "", "0", "ü"));
  fc.assert(
    fc.property(fc.array(key), (path: ConfigPath) => {
      assert.deepEqual(parsePath(formatPath(path)), path);
    }),
    { numRuns: 300 },
  );
});
