import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { HEADER_NAMES } from "./header-names.ts";
import { latin1 } from "../bytes/latin1.ts";
import { HeaderList, isHeaderName, isHeaderValue } from "./header-list.ts";

function listOf(...fields: (readonly [string, string])[]): HeaderList {
  const list = new HeaderList(16, 1);
  for (const [name, value] of fields) list.append(name, value);
  return list;
}

describe("a list of header fields", () => {
  it("is looked up without regard to case, in order, and joined but where all are asked for", () => {
    const list = listOf(["X-Own", "1"], ["Accept", "a"], ["x-own", "2"], ["ACCEPT", "b"]);
    assert.equal(list.get("x-OWN"), "1, 2");
    assert.equal(list.get("Accept"), "a, b");
    assert.deepEqual(list.getAll("accept"), ["a", "b"]);
    assert.equal(list.get("other"), undefined);
    assert.deepEqual(list.getAll("other"), []);
    assert.deepEqual([...list][0], ["X-Own", "1"]);
    assert.equal(list.has("X-own"), true);
    assert.equal(list.has("X-ow"), false);
  });

  it("forgets what is deleted, and keeps the places of the rest", () => {
    const list = listOf(["A", "1"], ["Via", "2"], ["a", "3"], ["via", "4"], ["B", "5"]);
    assert.equal(list.delete("a"), 2);
    assert.equal(list.delete("a"), 0);
    assert.equal(list.delete("VIA"), 2);
    assert.deepEqual([...list], [["B", "5"]]);
    assert.equal(list.size, 1);
    assert.equal(list.has("via"), false);
    list.set("b", "6");
    list.set("A", "7");
    assert.deepEqual(
      [...list],
      [
        ["b", "6"],
        ["A", "7"],
      ],
    );
  });

  it("deletes what a CGI backend would fold together, and nothing else", () => {
    const list = listOf(
      ["X-Forwarded-For", "1"],
      ["x_forwarded_for", "2"],
      ["X-FORWARDED_FOR", "3"],
      ["X-Forwarded-Fo", "4"],
      ["X-Forwarded-Form", "5"],
    );
    assert.equal(list.deleteFolded("x-forwarded-for"), 3);
    assert.deepEqual(list.getAll("x-forwarded-for"), []);
    assert.equal(list.size, 2);
  });

  it("refuses what would split a message or be read in two ways", () => {
    const list = listOf();
    for (const value of [
      "a\r\nb: c",
      "a\rb",
      "a\nb",
      "a\0",
      "\u007f",
      "\u001b[0m",
      " a",
      "a ",
      "\ta",
      "a\t",
    ]) {
      assert.throws(() => list.append("X", value), TypeError, JSON.stringify(value));
      assert.throws(() => list.set("X", value), TypeError, JSON.stringify(value));
    }
    for (const name of ["", " a", "a ", "a:b", "a b", "a\r\n", "(a)", "\u00e4", "a\0"]) {
      assert.throws(() => list.append(name, "x"), TypeError, JSON.stringify(name));
    }
    assert.equal(list.size, 0);
  });

  it("takes back every value that a peer may send", () => {
    // The last byte of "à" in UTF-8 is what latin1 calls a no-break space.
    const bytes = new TextEncoder().encode("voilà");
    const received = latin1(bytes, 0, bytes.length);
    const list = listOf(["X", received]);
    assert.equal(list.get("x"), received);
    for (const value of ["", "a\tb", "a  b", "\u00a0", "\u0085", "\ufeff".slice(1), "€"]) {
      assert.ok(isHeaderValue(value), JSON.stringify(value));
    }
    assert.equal(listOf(["X", "€"]).get("x"), "\u00e2\u0082\u00ac", "as UTF-8");
    assert.ok(isHeaderName("!#$%&'*+-.^_`|~09azAZ"));
  });

  it("is copied without what was deleted, whatever its size", () => {
    const list = listOf(["A", "1"], ["B", "x".repeat(10_000)], ["C", "3"]);
    list.delete("a");
    const copy = listOf(["Old", "y"]);
    copy.copyFrom(list);
    list.reset();
    list.append("D", "overwrites");
    assert.deepEqual(
      [...copy],
      [
        ["B", "x".repeat(10_000)],
        ["C", "3"],
      ],
    );
    copy.append("E", "5");
    assert.equal(copy.get("e"), "5");
  });

  it("behaves like an array of pairs, whatever is done to it", () => {
    const name = fc.oneof(
      fc.constantFrom(...HEADER_NAMES.filter((known) => known !== "").slice(0, 6)),
      fc.constantFrom("x-a", "X-B", "x_b", "X-c"),
    );
    const value = fc.string({ unit: fc.constantFrom("a", "b", "é", "-"), maxLength: 300 });
    const step = fc.record({
      do: fc.constantFrom("append" as const, "set" as const, "delete" as const, "fold" as const),
      name,
      value,
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const list = new HeaderList(8, 1);
        let model: [string, string][] = [];
        const fold = (text: string): string => text.toLowerCase().replaceAll("_", "-");
        for (const action of steps) {
          const lower = action.name.toLowerCase();
          if (action.do === "append") list.append(action.name, action.value);
          else if (action.do === "set") list.set(action.name, action.value);
          else if (action.do === "delete") list.delete(action.name);
          else list.deleteFolded(fold(action.name));
          if (action.do === "set" || action.do === "delete") {
            model = model.filter(([other]) => other.toLowerCase() !== lower);
          } else if (action.do === "fold") {
            model = model.filter(([other]) => fold(other) !== fold(lower));
          }
          if (action.do === "append" || action.do === "set")
            model.push([action.name, action.value]);
          assert.deepEqual([...list], model);
          assert.equal(list.size, model.length);
          const all = model
            .filter(([other]) => other.toLowerCase() === lower)
            .map(([, each]) => each);
          assert.deepEqual(list.getAll(action.name), all);
          assert.equal(list.get(action.name), all.length === 0 ? undefined : all.join(", "));
        }
      }),
      { numRuns: 150 },
    );
  });
});
