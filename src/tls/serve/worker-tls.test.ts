import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { SnapshotData } from "#model/snapshot.ts";
import type { UpstreamTlsData } from "#model/tls.ts";
import { RememberingTls, certificate, listenerTls, policy } from "./serve.fixture.ts";
import { WorkerTls } from "./worker-tls.ts";

const UPSTREAM: UpstreamTlsData = {
  verify: true,
  ca: null,
  serverName: null,
  minVersion: "TLSv1.2",
  certificate: null,
};

/** As far as TLS looks at it. */
function snapshot(
  ids: readonly string[],
  upstreams: readonly UpstreamTlsData[] = [],
): SnapshotData {
  return {
    listeners: ids.map((id) => ({ id, tls: listenerTls({ policies: [policy(id)] }) })),
    upstreams: upstreams.map((tls) => ({ tls })),
  } as unknown as SnapshotData;
}

const never = (name: string, reason: string): never => assert.fail(`${name}: ${reason}`);

describe("TLS of a worker", () => {
  it("keeps contexts for as long as their certificate and policy are in use", () => {
    const tls = new RememberingTls();
    const worker = new WorkerTls(tls, never);
    const [old, next] = [certificate("old", ["a.test"]), certificate("new", ["a.test"])];
    const first = worker.prepare(snapshot(["one"]), [old]);
    worker.commit(snapshot(["one"]), [old]);
    first.get("one")!.choose("a.test", []);
    assert.deepEqual(
      tls.made.map(({ released }) => released),
      [false],
    );

    worker.use([next]);
    first.get("one")!.choose("a.test", []);
    assert.deepEqual(
      tls.made.map(({ released }) => released),
      [true, false],
    );

    // Another snapshot with the same policy and certificate goes on with the same context.
    const second = worker.prepare(snapshot(["one", "two"]), [next]);
    assert.equal(tls.made[1]?.released, false, "what is prepared takes nothing away");
    worker.commit(snapshot(["one", "two"]), [next]);
    second.get("one")!.choose("a.test", []);
    second.get("two")!.choose("a.test", []);
    assert.equal(tls.made.length, 3);

    worker.prepare(snapshot(["two"]), [next]);
    worker.commit(snapshot(["two"]), [next]);
    assert.deepEqual(
      tls.made.map(({ released }) => released),
      [true, true, false],
    );
  });

  it("gives all contexts the secrets of tickets, those that are made later too", () => {
    const tls = new RememberingTls();
    const worker = new WorkerTls(tls, never);
    const listeners = worker.prepare(snapshot(["one"]), [
      certificate("a", ["a.test"]),
      certificate("b", ["b.test"]),
    ]);
    listeners.get("one")!.choose("a.test", []);
    const secrets = [new Uint8Array(32)];
    worker.setTicketSecrets(secrets);
    listeners.get("one")!.choose("b.test", []);
    assert.deepEqual(
      tls.made.map((context) => context.secrets),
      [secrets, secrets],
    );
  });

  it("connects equal upstreams with one context", () => {
    const tls = new RememberingTls();
    const worker = new WorkerTls(tls, never);
    const contexts = [
      UPSTREAM,
      { ...UPSTREAM, serverName: "other" },
      { ...UPSTREAM, verify: false },
    ];
    const [a, b, c] = contexts.map((data) => worker.upstreamContext(data).current());
    assert.equal(a, b);
    assert.notEqual(a, c);
    worker.commit(snapshot([], [UPSTREAM]), []);
    assert.deepEqual(
      tls.made.map(({ released }) => released),
      [false, true],
    );
  });

  it("connects late what began on a snapshot that has gone, with another context of the same kind", () => {
    const tls = new RememberingTls();
    const worker = new WorkerTls(tls, never);
    const upstream = worker.upstreamContext(UPSTREAM);
    worker.commit(snapshot([], [UPSTREAM]), []);
    const before = upstream.current();
    worker.commit(snapshot([], []), []);
    const late = upstream.current();
    assert.notEqual(late, before);
    assert.equal(upstream.current(), late);
    assert.deepEqual(tls.made[1]!.options, tls.made[0]!.options);
    worker.commit(snapshot([], []), []);
    assert.equal(late.released, true);
  });

  it("staples a new answer of the issuer by a new context", () => {
    const tls = new RememberingTls();
    const worker = new WorkerTls(tls, never);
    const before = certificate("a", ["a.test"], { ocsp: new Uint8Array(64).fill(1) });
    const after = certificate("a", ["a.test"], { ocsp: new Uint8Array(64).fill(2) });
    const listeners = worker.prepare(snapshot(["one"]), [before]);
    worker.commit(snapshot(["one"]), [before]);
    listeners.get("one")!.choose("a.test", []);
    worker.use([after]);
    listeners.get("one")!.choose("a.test", []);
    assert.deepEqual(
      tls.made.map(({ options, released }) => [
        "certificates" in options && options.certificates[0]?.ocsp?.[0],
        released,
      ]),
      [
        [1, true],
        [2, false],
      ],
    );
  });

  it("refuses TLS where the transport has none, and asks for none without it", () => {
    const worker = new WorkerTls(null, never);
    assert.equal(worker.prepare(snapshot([]), []).size, 0);
    assert.throws(() => worker.prepare(snapshot(["one"]), []), /no TLS/);
    assert.throws(() => worker.upstreamContext(UPSTREAM), /no TLS/);
  });
});
