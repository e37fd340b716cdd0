import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { RE2JS } from "re2js";
import { compileRegex, type Regex } from "./regex.ts";

function regex(source: string): Regex {
  const compiled = compileRegex(source);
  assert.ok(compiled.ok, `${source}: ${compiled.ok ? "" : compiled.message}`);
  return compiled.value;
}

function problem(source: string): string {
  const compiled = compileRegex(source);
  assert.ok(!compiled.ok, `${source} was taken`);
  return compiled.message;
}

const sources: readonly string[] = [
  "^/v[0-9]+/",
  "a|b|",
  "(a|ab)(c|bcd)$",
  "x*",
  "^$",
  "\\bfoo\\b",
  "\\Bfoo",
  "a{2,3}b",
  "a{0}b",
  "(?i)caFé",
  "(?i)[^a-k]$",
  "[[:alpha:]]+\\d",
  "[^[:space:]]",
  "(?i)[[:^upper:]]",
  "(?s)a.c",
  "a.c",
  "(?m)^b$",
  "\\Ab\\z",
  "\\Qa.b\\E+",
  "[]a]",
  "[^]a]",
  "[a-]",
  "[\\d-z]",
  "\\x41\\x{42}\\103",
  "(?P<n>a)(?:b)(?<m>c)",
  "(?i:a)b",
  "a{,2}",
  "(a*)*",
  "(a|b*)*c",
  "((a{3}){3}){2}",
  "(?i-s).",
  "[\\x{80}-\\x{10FFFF}]",
  "\\w+@\\w+\\.com",
  "é",
  "[à-ÿ]",
  "(?U)a+?",
  "^(?:/a|/b/?)$",
  "a++?".slice(0, 2),
  "(^|x)y",
  "(?m)(^a$\\n?)+",
  "\\b",
  "\\B",
  "^\\b$",
];
const texts: readonly string[] = [
  "",
  "a",
  "b",
  "c",
  "aa",
  "aab",
  "aaab",
  "abc",
  "abcd",
  "/v1/",
  "/v12",
  "/v/",
  "x/v1/",
  "foo",
  " foo ",
  "xfoo",
  "foox",
  "CAFÉ",
  "café",
  "a\nc",
  "a.c",
  "a\nb\nc",
  "b",
  "b\n",
  "a.b",
  "a.bb",
  "]",
  "-",
  "z",
  "5",
  "ABC",
  "aBC",
  "Ab",
  "{,2}",
  "a{,2}",
  "\n",
  " ",
  "ünï",
  "x@y.com",
  "/a",
  "/b/",
  "/b",
  "/c",
  "y",
  "xy",
  "zy",
  "aaaaaaaaaaaaaaaaaa",
  "Ā",
  "😀",
  "a😀c",
  "_",
];

describe("regular expressions", () => {
  it("match what RE2 matches", () => {
    for (const source of sources) {
      const ours = regex(source);
      const theirs = RE2JS.compile(source);
      for (const text of texts) {
        assert.equal(
          ours.test(text),
          theirs.matcher(text).find(),
          `${source} on ${JSON.stringify(text)}`,
        );
      }
    }
  });

  it("match what RE2 matches, for any expression of the grammar", () => {
    const atom = fc.constantFrom(
      "a",
      "b",
      "c",
      ".",
      "[ab]",
      "[^a]",
      "\\w",
      "\\W",
      "^",
      "$",
      "\\b",
      "\\B",
      "\\A",
      "\\z",
      "\\n",
      "(?i:A)",
      "(?m:^)",
      "(?m:$)",
    );
    const { expression } = fc.letrec<{ expression: string; part: string }>((tie) => ({
      expression: fc
        .array(
          fc.array(tie("part"), { maxLength: 4 }).map((parts) => parts.join("")),
          {
            minLength: 1,
            maxLength: 3,
          },
        )
        .map((parts) => parts.join("|")),
      part: fc.oneof(
        { depthSize: "small", withCrossShrink: true },
        atom,
        fc
          .tuple(tie("part"), fc.constantFrom("*", "+", "?", "{2}", "{1,3}", "{2,}", "*?"))
          .map(([part, count]) => `(?:${part})${count}`),
        tie("expression").map((inner) => `(${inner})`),
      ),
    }));
    const text = fc.string({
      unit: fc.constantFrom("a", "b", "c", "A", "\n", " ", "_", "é"),
      maxLength: 8,
    });
    fc.assert(
      fc.property(expression, fc.array(text, { minLength: 1, maxLength: 8 }), (source, all) => {
        const ours = regex(source);
        const theirs = RE2JS.compile(source);
        for (const one of all)
          assert.equal(ours.test(one), theirs.matcher(one).find(), JSON.stringify(one));
      }),
      { numRuns: 400 },
    );
  });

  it("take no more than a few steps for each character, whatever the expression", () => {
    // A backtracking engine needs 2 to the power of 40 000 steps for each of these.
    const text = "a".repeat(40_000);
    for (const source of ["(a*)*b", "(a|aa)+$x", "(a|a)*b", "(.*)(.*)(.*)(.*)b$"]) {
      assert.equal(regex(source).test(text), false);
    }
  });

  it("forget states when there are too many, and go on", () => {
    // The states remember which of the last twelve characters were an a: 4 096 of them.
    const source = regex("a[ab]{11}$");
    const theirs = RE2JS.compile("a[ab]{11}$");
    let seed = 1;
    let text = "";
    for (let i = 0; i < 20_000; i++) {
      seed = Math.imul(seed, 1_103_515_245) + 12_345;
      text += (seed >>> 16) & 1 ? "a" : "b";
    }
    assert.equal(source.test(text), theirs.matcher(text).find());
    assert.equal(source.test(`${text}abbbbbbbbbbb`), true);
    assert.equal(source.test(`${text}bbbbbbbbbbbb`), false);
    for (let length = 0; length < 40; length++) {
      source.test(text.slice(length * 400));
      const short = "b".repeat(length);
      assert.equal(source.test(short), false);
      assert.equal(source.test(`a${short}`), length === 11);
    }
  });

  it("are refused where RE2 refuses them", () => {
    for (const source of [
      "(",
      ")",
      "a)",
      "[",
      "[a",
      "[b-a]",
      "*",
      "a**",
      "a{2}{3}",
      "a{1001}",
      "a{3,2}",
      "\\",
      "(?<n",
      "(?z)",
      "\\8",
      "[[:x:]]",
      "\\x{110000}",
    ]) {
      assert.throws(() => RE2JS.compile(source), source);
      problem(source);
    }
  });

  it("are refused with a reason where they cannot run in linear time", () => {
    assert.match(problem("(?=a)"), /look-around/);
    assert.match(problem("(?<!a)b"), /look-around/);
    assert.match(problem("(a)\\1"), /backreferences/);
  });

  it("are refused when they would be too large, however small they are written", () => {
    assert.match(problem("(a{1000}){1000}"), /too large/);
    assert.match(problem("((a{100}){100}){100}"), /too large/);
    assert.match(problem("(".repeat(500)), /nested/);
    // Nothing, a thousand million times.
    assert.equal(regex("((){1000}){1000}").test(""), true);
  });

  it("are refused when they tell characters beyond U+00FF apart", () => {
    assert.match(problem("Ā"), /U\+00FF/);
    assert.match(problem("\\p{L}"), /Unicode/);
  });
});
