/** RFC 9111, section by section, over sockets. */

import { date, rule, type Step } from "./stage.ts";

const DAY = 86_400;

/** An answer of the start of the test. */
function saying(...fields: string[]): { fields: string[] } {
  return { fields: [`Date: ${date(0)}`, ...fields] };
}

const fresh = saying("Cache-Control: max-age=60");
/** Asked for once, and again after a second. */
function again(fields: readonly string[], asked: boolean, ask: Partial<Step> = {}): Step[] {
  return [
    { ...ask, origin: saying(...fields), asked: true },
    { ...ask, at: 1, asked, ...(asked ? {} : { body: "answer 1" }) },
  ];
}

// ── 3: storing ────────────────────────────────────────────────────────────────────────────────────────

rule("3: an answer with max-age is stored and used again", [
  {
    origin: fresh,
    asked: true,
    body: "answer 1",
    answer: { "cache-status": "sluice; fwd=uri-miss; fwd-status=200; stored; ttl=60" },
  },
  {
    at: 10,
    asked: false,
    body: "answer 1",
    answer: { age: "10", "cache-status": "sluice; hit; ttl=50" },
  },
]);
rule("3: no-store is not stored", again(["Cache-Control: no-store, max-age=60"], true));
rule("3: private is not stored", again(["Cache-Control: private, max-age=60"], true));
rule("3: private of some fields is stored without them", [
  {
    origin: saying('Cache-Control: private="x-user, x-other", max-age=60', "X-User: anna"),
    asked: true,
    answer: { "x-user": "anna" },
  },
  { asked: false, body: "answer 1", answer: { "x-user": null } },
]);
rule(
  "3: an answer that says nothing of freshness and cannot be asked about is not stored",
  again([], true),
);
rule("3: a status that is not known is stored if it says for how long", [
  { origin: { ...fresh, status: "499 Odd" }, asked: true, status: 499 },
  { asked: false, status: 499 },
]);
rule("3: a 500 without freshness is not stored", [
  { origin: { status: "500 Oh", fields: ['ETag: "a"'] }, asked: true, status: 500 },
  { at: 10, asked: true, status: 500 },
]);
rule(
  "3: a POST is passed on, and its answer is not stored",
  again(["Cache-Control: max-age=60"], true, { method: "POST", fields: ["Content-Length: 0"] }),
);
rule("3: hop-by-hop fields and those of Connection are not stored", [
  {
    origin: saying(
      "Cache-Control: max-age=60",
      "Connection: X-Hop",
      "X-Hop: 1",
      "Keep-Alive: timeout=5",
    ),
    asked: true,
  },
  { asked: false, answer: { "x-hop": null, "keep-alive": null } },
]);
rule("3: must-understand with no-store is stored where the status is known", [
  {
    path: "/a",
    origin: saying("Cache-Control: must-understand, no-store, max-age=60"),
    asked: true,
  },
  { path: "/a", asked: false },
  {
    path: "/b",
    origin: { ...saying("Cache-Control: must-understand, max-age=60"), status: "499 Odd" },
    asked: true,
    status: 499,
  },
  { path: "/b", asked: true, status: 499 },
]);
rule("3: an answer with Set-Cookie is stored only if it says that it is for all", [
  { path: "/a", origin: saying("Cache-Control: max-age=60", "Set-Cookie: a=1"), asked: true },
  { path: "/a", asked: true },
  {
    path: "/b",
    origin: saying("Cache-Control: public, max-age=60", "Set-Cookie: a=1"),
    asked: true,
  },
  { path: "/b", asked: false, answer: { "set-cookie": "a=1" } },
]);

// ── 3.5: Authorization ────────────────────────────────────────────────────────────────────────────────

const authorised = { fields: ["Authorization: Basic YTpi"] };
rule(
  "3.5: what was asked for with Authorization is not stored",
  again(["Cache-Control: max-age=60"], true, authorised),
);
for (const said of ["public, max-age=60", "s-maxage=60", "must-revalidate, max-age=60"]) {
  rule(`3.5: but with ${said} it is`, again([`Cache-Control: ${said}`], false, authorised));
}

// ── 4: reuse ──────────────────────────────────────────────────────────────────────────────────────────

rule("4: another query, host or path is another resource", [
  { path: "/a?x=1", origin: fresh, asked: true },
  { path: "/a?x=2", asked: true },
  { path: "/A?x=1", asked: true },
  { path: "/a?x=1", host: "other.example", asked: true },
  { path: "/a?x=1", asked: false },
]);
rule("4: HEAD is answered from what GET has stored", [
  { method: "HEAD", origin: fresh, asked: true },
  { method: "GET", asked: true },
  { method: "HEAD", asked: false, body: "", answer: { "content-length": "8", age: "0" } },
]);
rule("4: an answer without a body is one", [
  { origin: { ...fresh, status: "204 No Content" }, asked: true, status: 204 },
  { asked: false, status: 204, body: "" },
]);
rule("4: a body of unknown length is stored whole", [
  { origin: { ...fresh, body: "x".repeat(10_000), chunked: true }, asked: true },
  { asked: false, body: "x".repeat(10_000), answer: { "content-length": "10000" } },
]);

// ── 4.1: Vary ─────────────────────────────────────────────────────────────────────────────────────────

const varying = saying("Cache-Control: max-age=60", "Vary: X-Lang");
rule("4.1: each variant is stored for itself", [
  { fields: ["X-Lang: de"], origin: varying, asked: true, body: "answer 1" },
  {
    fields: ["X-Lang: en"],
    asked: true,
    body: "answer 2",
    answer: { "cache-status": /fwd=vary-miss/ },
  },
  { fields: ["X-Lang: de"], asked: false, body: "answer 1" },
  { fields: ["X-Lang: en"], asked: false, body: "answer 2" },
  { asked: true, body: "answer 3" },
  { asked: false, body: "answer 3" },
  { fields: ["X-Lang:"], asked: true },
]);
rule("4.1: Vary: * is not stored", again(["Cache-Control: max-age=60", "Vary: *"], true));
rule("4.1: fields are compared as lists, whatever blanks they have", [
  { fields: ["X-Lang: a, b"], origin: varying, asked: true },
  { fields: ["X-Lang: a,b"], asked: false },
  { fields: ["X-Lang: a", "X-Lang:   b"], asked: false },
  { fields: ["X-Lang: b, a"], asked: true },
]);
rule("4.1: of Accept-Encoding it counts what is accepted", [
  {
    fields: ["Accept-Encoding: gzip, br;q=0.9"],
    origin: saying("Cache-Control: max-age=60", "Vary: accept-encoding"),
    asked: true,
  },
  { fields: ["Accept-Encoding: BR, gzip"], asked: false },
  { fields: ["Accept-Encoding: gzip"], asked: true },
  { fields: ["Accept-Encoding: gzip, br;q=0"], asked: true },
]);
rule("4.1: of Accept-Language neither order nor case counts, but how much each is wanted", [
  {
    fields: ["Accept-Language: de, en;q=0.5"],
    origin: saying("Cache-Control: max-age=60", "Vary: Accept-Language"),
    asked: true,
  },
  { fields: ["Accept-Language: EN; q=0.5, DE"], asked: false },
  { fields: ["Accept-Language: de;q=0.5, en"], asked: true },
]);
rule("4.1: when answers vary by other fields than before, the newest rule counts", [
  { fields: ["X-Lang: de"], origin: varying, asked: true },
  {
    fields: ["X-Lang: en"],
    origin: saying("Cache-Control: max-age=60", "Vary: X-Team"),
    asked: true,
    body: "answer 2",
  },
  { fields: ["X-Lang: de"], asked: false, body: "answer 2" },
  { fields: ["X-Team: red"], origin: fresh, asked: true, body: "answer 3" },
  { fields: ["X-Lang: de", "X-Team: blue"], asked: false, body: "answer 3" },
]);
rule(
  "4.1: with more variants than are kept all begin anew",
  [
    { fields: ["X-Lang: a"], origin: varying, asked: true },
    { fields: ["X-Lang: b"], asked: true },
    { fields: ["X-Lang: a"], asked: false },
    { fields: ["X-Lang: c"], asked: true },
    { fields: ["X-Lang: c"], asked: false },
    { fields: ["X-Lang: a"], asked: true },
  ],
  { variants: 2 },
);

// ── 4.2: freshness ────────────────────────────────────────────────────────────────────────────────────

rule("4.2.1: what is stale is asked for again", [
  { origin: fresh, asked: true },
  { at: 59, asked: false },
  { at: 60, asked: true, body: "answer 2" },
]);
rule("4.2.1: s-maxage comes before max-age, and max-age before Expires", [
  { path: "/a", origin: saying("Cache-Control: max-age=0, s-maxage=60"), asked: true },
  { path: "/a", at: 30, asked: false },
  {
    path: "/b",
    origin: saying("Cache-Control: max-age=60", `Expires: ${date(-100)}`),
    asked: true,
  },
  { path: "/b", at: 59, asked: false },
]);
rule("5.3: Expires is counted from Date", [
  { origin: saying(`Expires: ${date(60)}`), asked: true },
  { at: 59, asked: false },
  { at: 61, asked: true },
]);
rule(
  "5.3: an Expires that is no date has passed",
  again(["Expires: 0", "Cache-Control: public"], true),
);
for (const [form, at] of [
  ["Sunday, 06-Nov-94 08:50:37 GMT", 59],
  ["Sun Nov  6 08:50:37 1994", 59],
] as const) {
  rule(`5.3: Expires may be written as ${form}`, [
    { origin: saying(`Expires: ${form}`), asked: true },
    { at, asked: false },
    { at: at + 2, asked: true },
  ]);
}
rule("4.2.2: without a word of freshness it is a tenth of the age of the resource", [
  { origin: saying(`Last-Modified: ${date(-100)}`), asked: true },
  { at: 9, asked: false },
  { at: 11, asked: true },
]);
rule("4.2.2: but a day at most", [
  { origin: saying(`Last-Modified: ${date(-365 * DAY)}`), asked: true },
  { at: DAY - 1, asked: false },
  { at: DAY + 1, asked: true },
]);
rule("4.2.3: the age that an answer comes with counts", [
  { origin: saying("Cache-Control: max-age=60", "Age: 50"), asked: true },
  { at: 9, asked: false, answer: { age: "59" } },
  { at: 11, asked: true },
]);
rule("4.2.3: so does a Date that has passed", [
  { origin: { fields: [`Date: ${date(-50)}`, "Cache-Control: max-age=60"] }, asked: true },
  { at: 9, asked: false, answer: { age: "59" } },
  { at: 11, asked: true },
]);
for (const [written, isFresh] of [
  ["max-age=a60", false],
  ["max-age=-60", false],
  ["max-age=60.0", false],
  ["max-age='60'", false],
  ["MAX-AGE=60", true],
  ['max-age="60"', true],
  ["max-age=60, max-age=0", false],
  ["max-age=99999999999999999999", true],
  ['extension="max-age=0", max-age=60', true],
] as const) {
  rule(
    `5.2: Cache-Control: ${written} is ${isFresh ? "fresh" : "stale"}`,
    again([`Cache-Control: ${written}`, 'ETag: "a"'], !isFresh),
  );
}

// ── 4.2.4: stale ──────────────────────────────────────────────────────────────────────────────────────

const stale = { at: 70, fields: ["Cache-Control: max-stale=100"] };
rule("4.2.4: a client may take what is stale", [
  { origin: fresh, asked: true },
  { ...stale, asked: false, answer: { age: "70" } },
  { at: 161, fields: ["Cache-Control: max-stale=100"], asked: true },
]);
for (const word of ["must-revalidate", "proxy-revalidate", "s-maxage=60"]) {
  rule(`5.2.2: but not with ${word}`, [
    { origin: saying(`Cache-Control: max-age=60, ${word}`), asked: true },
    { ...stale, asked: true },
  ]);
}

// ── 4.3: validation ───────────────────────────────────────────────────────────────────────────────────

rule("4.3: what is stale is asked about, and goes on when it is still good", [
  {
    origin: saying(
      "Cache-Control: max-age=60",
      'ETag: "a"',
      `Last-Modified: ${date(-9)}`,
      "X-N: 1",
    ),
    asked: true,
  },
  {
    at: 61,
    origin: {
      status: "304 Not Modified",
      fields: [`Date: ${date(61)}`, "Cache-Control: max-age=100", 'ETag: "a"', "X-N: 2", "X-M: 3"],
    },
    asked: true,
    sees: { "if-none-match": '"a"', "if-modified-since": date(-9) },
    body: "answer 1",
    answer: {
      "x-n": "2",
      "x-m": "3",
      "cache-status": "sluice; fwd=stale; fwd-status=304; stored; ttl=100",
    },
  },
  { at: 150, asked: false, body: "answer 1", answer: { "x-n": "2", age: "89" } },
]);
rule("3.2: a 304 does not change what describes the stored body", [
  {
    origin: saying("Cache-Control: max-age=1", 'ETag: "a"', "Content-Encoding: x"),
    asked: true,
  },
  {
    at: 2,
    origin: {
      status: "304 Not Modified",
      fields: ['ETag: "b"', "Content-Encoding: y", "Content-Length: 1", "Cache-Control: max-age=9"],
    },
    asked: true,
    answer: { etag: '"a"', "content-encoding": "x", "content-length": "8" },
  },
  { at: 3, asked: false, answer: { "content-encoding": "x", "content-length": "8" } },
]);
rule("4.3: a new answer takes the place of the old one", [
  { origin: saying("Cache-Control: max-age=60", 'ETag: "a"'), asked: true },
  { at: 61, asked: true, origin: { fields: ["Cache-Control: max-age=60"] }, body: "answer 2" },
  { at: 62, asked: false, body: "answer 2", answer: { etag: null } },
]);
rule("4.3.2: conditions of clients are answered from the store", [
  {
    origin: saying("Cache-Control: max-age=60", 'ETag: W/"a"', `Last-Modified: ${date(-9)}`),
    asked: true,
  },
  {
    fields: ['If-None-Match: "b", "a"'],
    asked: false,
    status: 304,
    body: "",
    answer: { etag: 'W/"a"' },
  },
  { fields: ["If-None-Match: *"], asked: false, status: 304 },
  { fields: ['If-None-Match: "b"'], asked: false, status: 200 },
  { fields: [`If-Modified-Since: ${date(-9)}`], asked: false, status: 304 },
  { fields: [`If-Modified-Since: ${date(-10)}`], asked: false, status: 200 },
  { fields: ['If-None-Match: "b"', `If-Modified-Since: ${date(0)}`], asked: false, status: 200 },
]);
rule("4.3.1: a client's condition does not become the cache's", [
  {
    fields: ['If-None-Match: "a"'],
    origin: saying("Cache-Control: max-age=60", 'ETag: "a"'),
    asked: true,
    sees: { "if-none-match": null },
    status: 304,
  },
  { asked: false, body: "answer 1" },
]);

// ── 4.4: invalidation ─────────────────────────────────────────────────────────────────────────────────

for (const method of ["POST", "PUT", "DELETE", "PATCH", "MAGIC"]) {
  rule(`4.4: ${method} makes what is stored of its URL invalid`, [
    { path: "/a", origin: varying, asked: true },
    { path: "/a", asked: false },
    { path: "/a", method, fields: ["Content-Length: 0"], asked: true },
    { path: "/a", origin: fresh, asked: true },
  ]);
}
rule("4.4: an unsafe request that fails changes nothing", [
  { origin: fresh, asked: true },
  {
    method: "POST",
    fields: ["Content-Length: 0"],
    origin: { status: "500 Oh" },
    asked: true,
    status: 500,
  },
  { asked: false },
]);
rule("4.4: Location and Content-Location of the same host are invalid too", [
  { path: "/a", origin: fresh, asked: true },
  { path: "/b", asked: true },
  { path: "/c", asked: true },
  {
    path: "/x",
    method: "POST",
    fields: ["Content-Length: 0"],
    origin: { fields: ["Location: /a", "Content-Location: http://app.test/b"] },
    asked: true,
  },
  { path: "/a", origin: fresh, asked: true },
  { path: "/b", asked: true },
  { path: "/c", asked: false },
  {
    path: "/x",
    method: "POST",
    fields: ["Content-Length: 0"],
    origin: { fields: ["Location: http://other.example/c"] },
    asked: true,
  },
  { path: "/c", asked: false },
]);

// ── 5.2.1: what clients say ───────────────────────────────────────────────────────────────────────────

rule("5.2.1: no-cache, max-age and min-fresh of a client are heeded", [
  { origin: { fields: ["Cache-Control: max-age=60"] }, asked: true },
  {
    at: 1,
    fields: ["Cache-Control: no-cache"],
    asked: true,
    answer: { "cache-status": /fwd=request/ },
  },
  { at: 2, fields: ["Pragma: no-cache"], asked: true },
  { at: 12, fields: ["Cache-Control: max-age=9"], asked: true },
  { at: 13, fields: ["Cache-Control: max-age=9"], asked: false },
  { at: 20, fields: ["Cache-Control: min-fresh=30"], asked: false },
  { at: 50, fields: ["Cache-Control: min-fresh=30"], asked: true },
]);
rule("5.2.1.5: no-store of a client passes by", [
  { fields: ["Cache-Control: no-store"], origin: fresh, asked: true },
  { asked: true },
  { asked: false },
]);
rule("5.2.1.7: only-if-cached is answered from the store, or by 504", [
  { fields: ["Cache-Control: only-if-cached"], asked: false, status: 504 },
  { origin: fresh, asked: true },
  { fields: ["Cache-Control: only-if-cached"], asked: false, body: "answer 1" },
  { at: 61, fields: ["Cache-Control: only-if-cached"], asked: false, status: 504 },
]);
rule(
  "options: what clients say can be ignored",
  [
    { origin: fresh, asked: true },
    { fields: ["Cache-Control: no-cache"], asked: false },
  ],
  { ignore: "request" },
);

// ── 5.2.2: what backends say ──────────────────────────────────────────────────────────────────────────

rule("5.2.2.4: no-cache is stored, and asked about each time", [
  { origin: saying("Cache-Control: no-cache, max-age=60", 'ETag: "a"'), asked: true },
  {
    origin: { status: "304 Not Modified" },
    asked: true,
    sees: { "if-none-match": '"a"' },
    body: "answer 1",
  },
  { asked: true, body: "answer 1" },
]);
rule("5.2.2.4: no-cache of some fields: these are not used again", [
  {
    origin: saying('Cache-Control: no-cache="X-A", max-age=60', "X-A: 1"),
    asked: true,
    answer: { "x-a": "1" },
  },
  { asked: false, answer: { "x-a": null } },
]);
rule("5.4: Pragma of an answer counts where there is no Cache-Control", [
  { origin: saying("Pragma: no-cache", `Expires: ${date(60)}`, 'ETag: "a"'), asked: true },
  { at: 1, asked: true },
]);
