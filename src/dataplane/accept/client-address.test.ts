import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CidrSet } from "#core/collections/cidr.ts";
import { HeaderList } from "#core/http/header-list.ts";
import { clientAddress, isTrusted } from "./client-address.ts";

const TRUSTED = new CidrSet(["10.0.0.0/8", "fd00::/8"]);

function seen(peer: string, fields: Record<string, string | string[]>): string {
  const headers = new HeaderList();
  for (const [name, values] of Object.entries(fields)) {
    for (const value of [values].flat()) headers.append(name, value);
  }
  return clientAddress(peer, headers, TRUSTED);
}

test("nobody else's word than a trusted proxy's counts", () => {
  assert.equal(seen("1.2.3.4", { "X-Forwarded-For": "6.6.6.6" }), "1.2.3.4");
  assert.equal(seen("", { "X-Forwarded-For": "6.6.6.6" }), "", "a unix socket's peer");
  assert.equal(isTrusted("10.1.2.3", new CidrSet([])), false);
  assert.equal(isTrusted("::ffff:10.1.2.3", TRUSTED), true);
  assert.equal(isTrusted("fd00::1", TRUSTED), true);
});

test("the client is the rightmost hop that is not trusted, whatever it claims further left", () => {
  const from = (value: string | string[]): string => seen("10.0.0.1", { "X-Forwarded-For": value });
  assert.equal(from("6.6.6.6, 1.2.3.4"), "1.2.3.4");
  assert.equal(from("6.6.6.6, 1.2.3.4, 10.0.0.2"), "1.2.3.4");
  assert.equal(from(["6.6.6.6, 1.2.3.4", "10.0.0.2,10.0.0.3"]), "1.2.3.4");
  assert.equal(from("10.0.0.2"), "10.0.0.2", "all are trusted: the farthest");
  assert.equal(from("1.2.3.4:5678"), "1.2.3.4");
  assert.equal(from("[2001:db8::1]:80, fd00::2"), "2001:db8::1");
  assert.equal(from("2001:db8::1"), "2001:db8::1");
});

test("a hop that is no address ends what can be known", () => {
  const from = (value: string): string => seen("10.0.0.1", { "X-Forwarded-For": value });
  for (const garbage of [
    "unknown",
    "",
    "_hidden",
    "1.2.3",
    "01.2.3.4",
    "[::1",
    "[::12",
    "[::1]x",
    "fe80::1%eth0",
    "1.2.3.4,",
    "<script>",
  ]) {
    assert.equal(from(`6.6.6.6,${garbage}`), "10.0.0.1", garbage);
    assert.equal(from(`6.6.6.6, ${garbage}, 10.0.0.9`), "10.0.0.9", garbage);
  }
});

test("Forwarded is read where there is no X-Forwarded-For", () => {
  const from = (...value: string[]): string => seen("10.0.0.1", { Forwarded: value });
  assert.equal(from("for=6.6.6.6, For=1.2.3.4;proto=https"), "1.2.3.4");
  assert.equal(from('proto=http; for="[2001:db8::1]:4711"'), "2001:db8::1");
  assert.equal(from('for="1.2.3.4:80"', "for=10.0.0.2"), "1.2.3.4");
  assert.equal(from("for=6.6.6.6, for=unknown"), "10.0.0.1");
  assert.equal(from("for=6.6.6.6, for=_secret, for=10.0.0.9"), "10.0.0.9");
  assert.equal(from("for=6.6.6.6, by=10.0.0.2"), "10.0.0.1", "a hop that says nothing");
  assert.equal(from('for="6.6.6.6'), "10.0.0.1");
  assert.equal(
    seen("10.0.0.1", { "X-Forwarded-For": "1.2.3.4", Forwarded: "for=6.6.6.6" }),
    "1.2.3.4",
  );
});

test("whatever is sent, the client is the peer or an address, and what comes from the left does not matter", () => {
  const hop = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.constantFrom("10.0.0.2", "unknown", "[::1]:8", '"', ";", "for=", "1.2.3.4:5"),
    fc.stringMatching(/^[!-~]{0,12}$/),
  );
  fc.assert(
    fc.property(
      fc.array(hop),
      fc.ipV4().filter((ip) => !ip.startsWith("10.")),
      (hops, real) => {
        const value = [...hops, real].join(", ");
        assert.equal(seen("10.0.0.1", { "X-Forwarded-For": value }), real);
        seen("10.0.0.1", { Forwarded: hops.join(",") });
      },
    ),
    { numRuns: 200 },
  );
});
