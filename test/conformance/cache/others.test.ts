/** What other documents than RFC 9111 say of caches: stale answers, ranges, cache control for this cache alone. */

import assert from "node:assert/strict";
import { get } from "../../harness/client.ts";
import { response } from "../../harness/origin.ts";
import { scene } from "../../harness/scene.ts";
import { cacheFilter, date, fieldOf, rule, START, statusOf } from "./stage.ts";

/** An answer of the start of the test. */
function saying(...fields: string[]): { fields: string[] } {
  return { fields: [`Date: ${date(0)}`, ...fields] };
}

const fresh = saying("Cache-Control: max-age=60");
const failing = { status: "503 Busy" };

// ── RFC 5861: stale-if-error, stale-while-revalidate ──────────────────────────────────────────────────

rule("RFC 5861 §4: a stale answer stands for an error, for as long as it says", [
  { origin: saying("Cache-Control: max-age=60, stale-if-error=100"), asked: true },
  {
    at: 70,
    origin: failing,
    asked: true,
    body: "answer 1",
    answer: { age: "70", "cache-status": /fwd=stale; fwd-status=503; detail=stale-if-error/ },
  },
  { at: 70.5, asked: false, body: "answer 1", answer: { "cache-status": /detail=stale-if-error/ } },
  { at: 161, asked: true, status: 503 },
]);
rule("RFC 5861 §4: must-revalidate forbids it", [
  { origin: saying("Cache-Control: max-age=60, stale-if-error=100, must-revalidate"), asked: true },
  { at: 70, origin: failing, asked: true, status: 503 },
]);
rule(
  "stale-if-error can be the route's",
  [
    { origin: fresh, asked: true },
    { at: 70, origin: failing, asked: true, body: "answer 1" },
  ],
  { staleIfError: "100s" },
);

const clock = { now: START };

scene(
  "RFC 5861 §3: a stale answer is used while the backend is asked, once",
  { route: { filters: [cacheFilter()] }, wall: () => clock.now },
  async (stage) => {
    clock.now = START;
    const said = ["Cache-Control: max-age=60, stale-while-revalidate=60"];
    const { client, backend } = await stage.exchange(get("/"));
    await backend.readRequest();
    backend.send(response("200 OK", "old", ...said));
    await client.readResponse();
    clock.now += 70_000;
    for (let i = 0; i < 3; i++) {
      client.send(get("/"));
      const stale = await client.readResponse();
      assert.equal(stale.body.toString(), "old");
      assert.match(fieldOf(stale, "cache-status") ?? "", /hit; ttl=-10; detail=stale-while/);
    }
    await backend.readRequest();
    backend.send(response("200 OK", "new", ...said));
    let body = "";
    while (body !== "new") {
      client.send(get("/"));
      body = (await client.readResponse()).body.toString();
    }
    assert.equal(backend.pending(), "", "the backend was asked once");
  },
);

scene(
  "a backend that cannot be reached is an error for which a stale answer stands",
  { route: { filters: [cacheFilter({ staleIfError: "1h" })] }, wall: () => clock.now },
  async (stage) => {
    clock.now = START;
    const { client, backend } = await stage.exchange(get("/"));
    await backend.readRequest();
    backend.send(response("200 OK", "kept", "Cache-Control: max-age=60", "Connection: close"));
    await client.readResponse();
    clock.now += 70_000;
    stage.origin.script = (wire) => wire.reset();
    client.send(get("/"));
    const stale = await client.readResponse();
    assert.equal(stale.body.toString(), "kept");
    clock.now += 3_600_000;
    client.send(get("/"));
    assert.equal(statusOf(await client.readResponse()), 502);
  },
);

// ── RFC 9110 §14: ranges ──────────────────────────────────────────────────────────────────────────────

const whole = {
  ...saying("Cache-Control: max-age=60", 'ETag: "a"', "Content-Type: text/plain"),
  body: "0123456789",
};
rule("RFC 9110 §14: parts of what is stored whole", [
  { origin: whole, asked: true },
  {
    fields: ["Range: bytes=2-4"],
    asked: false,
    status: 206,
    body: "234",
    answer: { "content-range": "bytes 2-4/10", "content-length": "3", age: "0" },
  },
  { fields: ["Range: bytes=7-"], asked: false, status: 206, body: "789" },
  { fields: ["Range: bytes=-2"], asked: false, status: 206, body: "89" },
  { fields: ["Range: bytes=5-100"], asked: false, status: 206, body: "56789" },
  {
    fields: ["Range: bytes=10-"],
    asked: false,
    status: 416,
    answer: { "content-range": "bytes */10" },
  },
  { fields: ["Range: bytes=4-2"], asked: false, status: 200, body: "0123456789" },
  { fields: ["Range: lines=1-2"], asked: false, status: 200 },
  { method: "HEAD", fields: ["Range: bytes=2-4"], asked: false, status: 200 },
]);
rule("RFC 9110 §14.6: several parts", [
  { origin: whole, asked: true },
  {
    fields: ["Range: bytes=0-1, 8-9"],
    asked: false,
    status: 206,
    body: [
      "\r\n--sluice-5d1c0b7a9e3f4682\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01",
      "--sluice-5d1c0b7a9e3f4682\r\nContent-Type: text/plain\r\nContent-Range: bytes 8-9/10\r\n\r\n89",
      "--sluice-5d1c0b7a9e3f4682--\r\n",
    ].join("\r\n"),
    answer: { "content-type": "multipart/byteranges; boundary=sluice-5d1c0b7a9e3f4682" },
  },
  { fields: ["Range: bytes=0-5, 3-9"], asked: false, status: 200 },
  { fields: [`Range: bytes=${"0-0,".repeat(17)}`], asked: false, status: 200 },
]);
rule("RFC 9110 §13.1.5: If-Range", [
  { origin: whole, asked: true },
  { fields: ["Range: bytes=0-1", 'If-Range: "a"'], asked: false, status: 206 },
  { fields: ["Range: bytes=0-1", 'If-Range: "b"'], asked: false, status: 200 },
  { fields: ["Range: bytes=0-1", 'If-Range: W/"a"'], asked: false, status: 200 },
]);
rule("a part that is asked for first is passed on, and not stored", [
  {
    fields: ["Range: bytes=0-1"],
    origin: {
      ...saying("Cache-Control: max-age=60", "Content-Range: bytes 0-1/10"),
      status: "206 Partial Content",
      body: "01",
    },
    asked: true,
    sees: { range: "bytes=0-1" },
    status: 206,
  },
  { origin: whole, asked: true, status: 200 },
]);

// ── RFC 9213: for this cache alone ────────────────────────────────────────────────────────────────────

rule("RFC 9213: CDN-Cache-Control counts in the place of Cache-Control and Expires", [
  {
    path: "/a",
    origin: saying("Cache-Control: no-store", "CDN-Cache-Control: max-age=60"),
    asked: true,
    answer: { "cdn-cache-control": "max-age=60", "cache-control": "no-store" },
  },
  { path: "/a", at: 59, asked: false },
  {
    path: "/b",
    origin: saying("Cache-Control: max-age=60", "CDN-Cache-Control: no-store"),
    asked: true,
  },
  { path: "/b", asked: true },
  {
    path: "/c",
    origin: saying("Cache-Control: max-age=60", "CDN-Cache-Control: max-age=&&"),
    asked: true,
  },
  { path: "/c", asked: false },
]);
rule("what is said in Surrogate-Control and tags does not leave", [
  {
    origin: saying(
      "Cache-Control: max-age=60",
      "Surrogate-Control: max-age=9",
      "Surrogate-Key: a b",
      "Cache-Tag: c",
    ),
    asked: true,
    answer: { "surrogate-control": null, "surrogate-key": null, "cache-tag": null },
  },
  { asked: false, answer: { "surrogate-control": null, "surrogate-key": null } },
]);

// ── RFC 9211: Cache-Status ────────────────────────────────────────────────────────────────────────────

rule("RFC 9211: what a cache behind has said stands before", [
  {
    origin: saying("Cache-Control: max-age=60", "Cache-Status: inner; hit"),
    asked: true,
    answer: { "cache-status": "inner; hit, sluice; fwd=uri-miss; fwd-status=200; stored; ttl=60" },
  },
  { asked: false, answer: { "cache-status": "inner; hit, sluice; hit; ttl=60" } },
]);
rule("RFC 9211: why an answer is not stored", [
  {
    path: "/a",
    origin: saying("Cache-Control: private"),
    asked: true,
    answer: { "cache-status": "sluice; fwd=uri-miss; fwd-status=200; detail=private" },
  },
  {
    path: "/a",
    asked: true,
    answer: { "cache-status": "sluice; fwd=uri-miss; detail=unstorable" },
  },
  {
    path: "/b",
    method: "POST",
    fields: ["Content-Length: 0"],
    asked: true,
    answer: { "cache-status": "sluice; fwd=method" },
  },
]);

// ── options ───────────────────────────────────────────────────────────────────────────────────────────

rule(
  "ttl takes the place of what answers say of freshness, and of nothing else",
  [
    { path: "/a", origin: saying("Cache-Control: max-age=1"), asked: true },
    { path: "/a", at: 99, asked: false },
    { path: "/a", at: 101, asked: true },
    { path: "/b", origin: saying("Cache-Control: no-store"), asked: true },
    { path: "/b", asked: true },
    { path: "/c", origin: {}, asked: true },
    { path: "/c", asked: false },
    { path: "/d", origin: { status: "500 Oh" }, asked: true, status: 500 },
    { path: "/d", at: 109, asked: true, status: 500 },
  ],
  { ttl: "100s" },
);
for (const word of ["no-store", "private", "no-cache"]) {
  rule(
    `${word} can be ignored`,
    [{ origin: saying(`Cache-Control: ${word}, max-age=60`), asked: true }, { asked: false }],
    { ignore: word },
  );
}
rule(
  "with set-cookie ignored an answer is stored without it",
  [
    {
      origin: saying("Cache-Control: max-age=60", "Set-Cookie: a=1"),
      asked: true,
      answer: { "set-cookie": "a=1" },
    },
    { asked: false, answer: { "set-cookie": null } },
  ],
  { ignore: "set-cookie" },
);
rule(
  "parameters of the query can be left out of the key; then their order does not count either",
  [
    { path: "/?b=2&utm_source=x&a=1", origin: fresh, asked: true },
    { path: "/?a=1&b=2", asked: false },
    { path: "/?a=1&b=2&utm_other", asked: false },
    { path: "/?a=1&b=3", asked: true },
  ],
  { query: { ignore: "utm_*" } },
);
rule(
  "or only some are in it",
  [
    { path: "/?page=1&x=1", origin: fresh, asked: true },
    { path: "/?x=2&page=1", asked: false },
    { path: "/?page=2", asked: true },
  ],
  { query: { only: ["page"] } },
);
rule(
  "fields and cookies can be part of the key",
  [
    { fields: ["X-Team: red", "Cookie: theme=dark; id=1"], origin: fresh, asked: true },
    { fields: ["X-Team: red", "Cookie: id=2; theme=dark"], asked: false },
    { fields: ["X-Team: blue", "Cookie: theme=dark"], asked: true },
    { fields: ["X-Team: red", "Cookie: theme=light"], asked: true },
    { fields: ["X-Team: red"], asked: true },
    { fields: ["X-Team: red", "Cookie: theme=dark"], asked: false },
  ],
  { headers: "x-team", cookies: "theme" },
);
rule(
  "what is larger than allowed is passed on and not stored, its length known or not",
  [
    { path: "/a", origin: { ...fresh, body: "x".repeat(101) }, asked: true, body: "x".repeat(101) },
    { path: "/a", asked: true },
    {
      path: "/b",
      origin: { ...fresh, body: "x".repeat(101), chunked: true },
      asked: true,
      body: "x".repeat(101),
    },
    { path: "/b", asked: true },
    { path: "/c", origin: { ...fresh, body: "x".repeat(100) }, asked: true },
    { path: "/c", asked: false },
  ],
  { maxObject: "100B" },
);

// ── poisoning ─────────────────────────────────────────────────────────────────────────────────────────

rule("an answer that a client has shaped by forwarded fields is not another's", [
  {
    fields: ["X-Forwarded-Host: evil.example"],
    origin: fresh,
    asked: true,
    sees: { "x-forwarded-host": "app.test" },
  },
  { asked: false },
]);
rule("a GET with a body is not stored, and no stored answer is its", [
  { origin: fresh, asked: true },
  { fields: ["Content-Length: 0"], asked: true },
  { path: "/b", fields: ["Content-Length: 0"], asked: true },
  { path: "/b", asked: true },
]);
rule("paths that some servers take for the same are kept apart", [
  { path: "/account/", origin: fresh, asked: true },
  { path: "/account/x.css", asked: true },
  { path: "/account/%2e", asked: true },
  { path: "/account;x.css", asked: true },
  { path: "/account//", asked: true },
  { path: "/account/?", asked: true },
]);
rule("an answer that refuses is not stored unless it says so", [
  { origin: { status: "400 Bad" }, asked: true, status: 400 },
  { at: 10, origin: fresh, asked: true, status: 200 },
]);
