import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ListenerTlsData } from "#model/tls.ts";
import { Challenges } from "./challenges.ts";
import { ContextCache } from "./contexts.ts";
import { ListenerPolicies } from "./listeners.ts";
import { RememberingTls, certificate, listenerTls, policy } from "./serve.fixture.ts";

function listener(data: Partial<ListenerTlsData>, tls = new RememberingTls()) {
  const broken: string[] = [];
  const challenges = new Challenges(tls);
  const policies = new ListenerPolicies(
    listenerTls(data),
    new ContextCache(tls),
    challenges,
    (name, reason) => broken.push(`${name}: ${reason}`),
  );
  return { policies, tls, broken, challenges };
}

/** What a client that says this name gets, in a word. */
function chosen(
  policies: ListenerPolicies,
  name: string | null,
  protocols: readonly string[] = [],
): string {
  const choice = policies.choose(name, protocols);
  switch (choice.kind) {
    case "open":
    case "challenge": {
      const { context } = choice.context as unknown as {
        context: { options: { certificates: readonly { chain: string }[] } };
      };
      return context.options.certificates.map(({ chain }) => chain.slice(9)).join("+");
    }
    case "pass":
      return `to ${choice.upstream}`;
    case "wait":
      return "wait";
    case "refuse":
      return `alert ${choice.alert}`;
  }
}

describe("a listener with TLS", () => {
  it("shows the certificate of the exact name before that of a wildcard, and refuses other names", () => {
    const { policies } = listener({});
    policies.use([
      certificate("wild", ["*.example.com"]),
      certificate("exact", ["www.example.com", "example.com"]),
    ]);
    assert.equal(chosen(policies, "www.example.com"), "exact");
    assert.equal(chosen(policies, "api.example.com"), "wild");
    assert.equal(chosen(policies, "example.com"), "exact");
    for (const name of ["a.b.example.com", "example.org", "com", "xexample.com", ".example.com"]) {
      assert.equal(chosen(policies, name), "alert 112", name);
    }
  });

  it("offers one certificate for each type of key, the first that was written", () => {
    const { policies } = listener({ sources: ["b", "a"] });
    const names = ["a.test"];
    policies.use([
      certificate("second", names, { source: "a" }),
      certificate("rsa", names, { source: "a", keyType: "rsa" }),
      certificate("first", names, { source: "b" }),
      certificate("stranger", names, { source: "c", keyType: "ed25519" }),
    ]);
    assert.equal(chosen(policies, "a.test"), "first+rsa");
  });

  it("shows clients without a server name the default, or the first", () => {
    const certificates = [certificate("one", ["one.test"]), certificate("two", ["*.two.test"])];
    const { policies: first } = listener({});
    first.use(certificates);
    assert.equal(chosen(first, null), "one");
    const { policies: named } = listener({ fallback: "a.two.test" });
    named.use(certificates);
    assert.equal(chosen(named, null), "two");
    const { policies: missing } = listener({ fallback: "three.test" });
    missing.use(certificates);
    assert.equal(chosen(missing, null), "alert 112");
  });

  it("keeps names apart that are under different rules", () => {
    const { policies } = listener({
      policies: [policy("all"), policy("strict", "require")],
      policyNames: [
        ["admin.test", 1],
        ["*.safe.test", 1],
      ],
      passThrough: [["db.test", "database"]],
    });
    policies.use([certificate("all", ["admin.test", "a.test", "x.safe.test"])]);
    const admin = policies.choose("admin.test", []);
    assert.ok(
      admin.kind === "open" && admin.policy === "strict" && admin.clientCertificates !== null,
    );
    const plain = policies.choose("a.test", []);
    assert.ok(plain.kind === "open" && plain.policy === "all" && plain.clientCertificates === null);
    assert.equal(chosen(policies, "db.test"), "to database");
    assert.equal(policies.policyFor("admin.test"), "strict");
    assert.equal(policies.policyFor("x.safe.test"), "strict");
    assert.equal(policies.policyFor("anything.else"), "all");
    assert.equal(policies.policyFor("db.test"), null);
    assert.deepEqual(
      ["admin.test", "x.safe.test", "a.test"].map((name) => policies.demands(name)?.mode),
      ["require", "require", undefined],
    );
    assert.deepEqual(
      ["admin.test", "y.safe.test", "a.test", "b.test"].map((name) => policies.knows(name)),
      [true, true, true, false],
    );
  });

  it("tells browsers to stay with https only where they trust the certificate by themselves", () => {
    const { policies } = listener({});
    policies.use([
      certificate("public", ["public.test"], { isPublic: true }),
      certificate("local", ["local.test"]),
      certificate("mixed", ["mixed.test"], { isPublic: true }),
      certificate("mixed too", ["mixed.test"], { keyType: "rsa" }),
    ]);
    const hsts = (name: string): boolean => {
      const choice = policies.choose(name, []);
      return choice.kind === "open" && choice.hsts;
    };
    assert.deepEqual(["public.test", "local.test", "mixed.test"].map(hsts), [true, false, false]);
    const { policies: off } = listener({ hsts: false });
    off.use([certificate("public", ["public.test"], { isPublic: true })]);
    const choice = off.choose("public.test", []);
    assert.ok(choice.kind === "open" && !choice.hsts);
  });

  it("makes a context once, when somebody asks, and says so when it cannot", () => {
    const tls = new RememberingTls();
    const { policies, broken } = listener({}, tls);
    tls.fails.add("chain of bad");
    policies.use([
      ...Array.from({ length: 1000 }, (_, i) => certificate(`${i}`, [`${i}.test`])),
      certificate("bad", ["bad.test"]),
    ]);
    assert.equal(tls.made.length, 0);
    for (let i = 0; i < 3; i++) assert.equal(chosen(policies, "7.test"), "7");
    assert.equal(tls.made.length, 1);
    for (let i = 0; i < 3; i++) assert.equal(chosen(policies, "bad.test"), "alert 80");
    assert.deepEqual(broken, ["bad.test: chain of bad is no good"]);
  });
});
