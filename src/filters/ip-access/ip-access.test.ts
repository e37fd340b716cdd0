import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { readOptions, startExchange } from "../../../test/harness/filter.ts";
import { ipAccess } from "./config.ts";

function passes(options: object, clientIp: string): boolean {
  const decision = startExchange([{ ipAccess: options }], { clientIp }).requestHead();
  if (decision.kind === "continue") return true;
  assert.deepEqual(decision, { kind: "refuse", code: "access_denied", detail: "" });
  return false;
}

describe("ipAccess", () => {
  const table: [what: string, options: object, clientIp: string, passes: boolean][] = [
    ["lets pass who is allowed", { allow: "10.0.0.0/8" }, "10.1.2.3", true],
    ["refuses who is not among the allowed", { allow: "10.0.0.0/8" }, "11.1.2.3", false],
    ["refuses who is denied", { deny: "10.0.0.0/8" }, "10.1.2.3", false],
    ["lets pass who is not among the denied", { deny: ["10.0.0.0/8"] }, "11.1.2.3", true],
    [
      "follows the longest block, here an exception from what is denied",
      { deny: "10.0.0.0/8", allow: "10.1.0.0/16" },
      "10.1.2.3",
      true,
    ],
    [
      "follows the longest block, here an exception from what is allowed",
      { allow: "10.0.0.0/8", deny: "10.1.0.0/16" },
      "10.1.2.3",
      false,
    ],
    ["denies what is in both lists", { allow: "10.0.0.1", deny: "10.0.0.1" }, "10.0.0.1", false],
    ["knows IPv6", { allow: "2001:db8::/32" }, "2001:db8::1", true],
    [
      "takes a mapped address for the IPv4 address",
      { deny: "10.0.0.0/8" },
      "::ffff:10.1.2.3",
      false,
    ],
    [
      "takes a block of mapped addresses for IPv4",
      { deny: "::ffff:10.0.0.0/104" },
      "10.1.2.3",
      false,
    ],
    ["looks past the zone of a link-local address", { deny: "fe80::/10" }, "fe80::1%eth0", false],
    ["refuses who has no address, if some are allowed", { allow: "0.0.0.0/0" }, "", false],
    ["lets pass who has no address, if some are denied", { deny: "0.0.0.0/0" }, "", true],
  ];
  for (const [what, options, clientIp, expected] of table) {
    test(what, () => assert.equal(passes(options, clientIp), expected));
  }

  test("only observes when it is told so", () => {
    const exchange = startExchange([{ ipAccess: { deny: "0.0.0.0/0", mode: "observe" } }]).pass();
    assert.deepEqual(exchange.actions, [
      { filter: "ipAccess", slot: 0, observed: true, action: "refused", detail: "access_denied" },
    ]);
  });

  test("reads further blocks from files", () => {
    const options = readOptions("ipAccess", { allow: ["10.0.0.1", { file: "office.txt" }] });
    assert.deepEqual(ipAccess.files?.(options as never), [{ name: "office.txt", path: ["allow"] }]);
    const texts = new Map([["office.txt", "# office\n192.0.2.0/24 # main\r\n\n2001:db8::/32"]]);
    const read = ipAccess.withFiles?.(options as never, texts);
    assert.ok(read?.ok);
    assert.deepEqual(read.value.allow, ["10.0.0.1/32", "192.0.2.0/24", "2001:db8::/32"]);
  });

  test("says on which line of a file a mistake is", () => {
    const options = readOptions("ipAccess", { deny: { file: "bad.txt" } });
    const texts = new Map([["bad.txt", "10.0.0.0/8\n10.1.2.3/8\n"]]);
    const read = ipAccess.withFiles?.(options as never, texts);
    assert.ok(read !== undefined && !read.ok);
    assert.match(read.message, /`bad.txt`, line 2: .*bits set/);
  });

  test("lets nobody pass whose file of allowed addresses is empty", () => {
    assert.equal(passes({ allow: { file: "empty.txt" } }, "10.0.0.1"), false);
  });

  test("is refused when it says nothing, or what is no block", () => {
    assert.throws(() => readOptions("ipAccess", {}), /lets everybody pass/);
    assert.throws(() => readOptions("ipAccess", { allow: "10.1.2.3/8" }), /bits set/);
    assert.throws(() => readOptions("ipAccess", { deny: ["example.com"] }), /address block/);
    assert.throws(() => readOptions("ipAccess", { allow: [] }));
  });

  test("agrees with a comparison of bits, whatever the lists", () => {
    const octet = fc.nat(3);
    const block = fc.tuple(octet, octet, fc.constantFrom(8, 16, 24, 32));
    const written = ([a, b, bits]: [number, number, number]): string =>
      [`${a}.0.0.0/8`, `${a}.${b}.0.0/16`, `${a}.${b}.0.0/24`, `${a}.${b}.0.0/32`][bits / 8 - 1]!;
    const holds = ([a, b, bits]: [number, number, number], [x, y]: [number, number]): boolean =>
      a === x && (bits === 8 || b === y);
    fc.assert(
      fc.property(
        fc.array(block, { minLength: 1, maxLength: 5 }),
        fc.array(block, { minLength: 1, maxLength: 5 }),
        fc.tuple(octet, octet),
        (allow, deny, address) => {
          const longest = (list: typeof allow): number =>
            Math.max(-1, ...list.filter((one) => holds(one, address)).map(([, , bits]) => bits));
          const expected = longest(allow) > longest(deny);
          const options = { allow: allow.map(written), deny: deny.map(written) };
          assert.equal(passes(options, `${address[0]}.${address[1]}.0.0`), expected);
        },
      ),
      { numRuns: 200 },
    );
  });
});
