import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RequestHead } from "#core/http/message.ts";
import { Plan } from "../plan.ts";
import type { LinkedSnapshot } from "../linked.ts";
import {
  dropClientClaims,
  isLoop,
  prepareRequestFields,
  reportedRequestId,
} from "./request-fields.ts";

type Fields = readonly (readonly [name: string, value: string])[];

interface Case {
  readonly peer?: string;
  readonly authority?: string;
  readonly trusted?: boolean;
  readonly forwarded?: boolean;
  readonly stripped?: string;
  readonly version?: 10 | 11;
}

/** The fields that a backend gets, names in lower case. */
function sent(fields: Fields, options: Case = {}): [string, string][] {
  const { trusted = false, authority = "example.com:8443", peer = "203.0.113.7" } = options;
  const request = new RequestHead();
  request.authority = authority;
  request.version = options.version ?? 11;
  for (const [name, value] of fields) request.headers.append(name, value);
  const plan = new Plan();
  plan.strippedPrefix = options.stripped ?? "";
  const snapshot = {
    data: { instance: "sluice-1", forwarded: options.forwarded ?? false },
  } as unknown as LinkedSnapshot;
  dropClientClaims(request.headers, trusted);
  prepareRequestFields(
    {
      client: { peerAddress: peer, scheme: "http", localPort: 8080, tls: null },
      request,
      plan,
      snapshot,
      requestId: "id-1",
    },
    trusted,
  );
  return [...request.headers].map(([name, value]) => [name.toLowerCase(), value]);
}

const OURS = {
  "x-forwarded-for": "203.0.113.7",
  "x-forwarded-proto": "http",
  "x-forwarded-host": "example.com:8443",
  "x-forwarded-port": "8443",
  "x-request-id": "id-1",
  via: "1.1 sluice-1",
};

const SPOOFED: Fields = [
  ["X-Forwarded-For", "6.6.6.6"],
  ["x_forwarded_for", "6.6.6.6"],
  ["X-Forwarded_For", "6.6.6.6"],
  ["X-FORWARDED-PROTO", "https"],
  ["X-Forwarded-Host", "evil"],
  ["X-Forwarded-Prefix", "/evil"],
  ["X-Forwarded-Anything", "evil"],
  ["X-Real-IP", "6.6.6.6"],
  ["X_Real_IP", "6.6.6.6"],
  ["X-Original-URL", "/evil"],
  ["X-Rewrite-URL", "/evil"],
  ["Client-Cert", ":evil:"],
  ["Client-Cert-Chain", ":evil:"],
  ["Client_Cert", ":evil:"],
  ["Forwarded", "for=6.6.6.6"],
  ["X-Request-Id", "evil"],
  ["X_Request_Id", "evil"],
];

describe("fields of an untrusted client", () => {
  it("say nothing of its identity, under no spelling", () => {
    assert.deepEqual(Object.fromEntries(sent(SPOOFED)), OURS);
    assert.equal(sent(SPOOFED).length, Object.keys(OURS).length);
  });

  it("cannot take away ours, nor what a backend relies on, by naming them in Connection", () => {
    const named = Object.keys(OURS).join(", ");
    const fields: Fields = [
      ["Connection", `close, ${named}, Cookie, authorization, host, content-length, X-Hop`],
      ["Connection", "x-also"],
      ["Cookie", "a=1"],
      ["Authorization", "Basic eDp5"],
      ["X-Hop", "1"],
      ["X-Also", "1"],
      ["Accept", "*/*"],
    ];
    const result = Object.fromEntries(sent(fields).filter(([name]) => name !== "connection"));
    assert.deepEqual(result, {
      ...OURS,
      cookie: "a=1",
      authorization: "Basic eDp5",
      accept: "*/*",
    });
  });
});

describe("fields of a trusted proxy", () => {
  it("are appended to, kept if single and well formed, and pass otherwise", () => {
    const fields: Fields = [
      ["X-Forwarded-For", "6.6.6.6, 1.2.3.4"],
      ["X-Forwarded-Proto", "HTTPS"],
      ["X-Forwarded-Host", "public.example"],
      ["X-Forwarded-Port", "443"],
      ["X-Forwarded-Prefix", "/outer"],
      ["Forwarded", "for=1.2.3.4"],
      ["X-Real-IP", "1.2.3.4"],
    ];
    const result = Object.fromEntries(sent(fields, { trusted: true, stripped: "/inner" }));
    assert.deepEqual(result, {
      ...OURS,
      "x-forwarded-for": "6.6.6.6, 1.2.3.4, 203.0.113.7",
      "x-forwarded-proto": "https",
      "x-forwarded-host": "public.example",
      "x-forwarded-port": "443",
      "x-forwarded-prefix": "/outer/inner",
      forwarded: 'for=1.2.3.4, for=203.0.113.7;host="example.com:8443";proto=http',
      "x-real-ip": "1.2.3.4",
    });
  });

  it("are set anew where they are repeated or malformed, and spellings that would shadow them go", () => {
    const fields: Fields = [
      ["X-Forwarded-Proto", "https"],
      ["X-Forwarded-Proto", "http"],
      ["X-Forwarded-Host", "a, b"],
      ["X-Forwarded-Port", "99999"],
      ["X_Forwarded_For", "6.6.6.6"],
      ["X_Real_IP", "6.6.6.6"],
    ];
    assert.deepEqual(Object.fromEntries(sent(fields, { trusted: true })), OURS);
  });

  it("give the request its id if it can be used", () => {
    const idOf = (trusted: boolean, ...ids: string[]): string => {
      const { headers } = new RequestHead();
      for (const id of ids) headers.append("X-Request-ID", id);
      return reportedRequestId(headers, trusted);
    };
    assert.equal(idOf(true, "0af7651916cd43dd"), "0af7651916cd43dd");
    assert.equal(idOf(false, "0af7651916cd43dd"), "");
    assert.equal(idOf(true, "a", "b"), "");
    for (const bad of ["", "a b", '"a"', "<a>", "a&b", "é", "x".repeat(129)]) {
      assert.equal(idOf(true, bad), "", bad);
    }
  });
});

describe("our own fields", () => {
  const value = (name: string, options: Case, fields: Fields = []): string | undefined =>
    Object.fromEntries(sent(fields, options))[name];

  it("name the port that the client used, as far as it is known", () => {
    assert.equal(value("x-forwarded-port", { authority: "example.com" }), "80");
    assert.equal(value("x-forwarded-port", { authority: "[::1]" }), "80");
    assert.equal(value("x-forwarded-port", { authority: "[::1]:9000" }), "9000");
    assert.equal(value("x-forwarded-port", { authority: "" }), "8080");
    assert.equal(value("x-forwarded-host", { authority: "" }), undefined);
  });

  it("are well formed in Forwarded, whoever the peer is (RFC 7239)", () => {
    const forwarded = (options: Case): string | undefined =>
      value("forwarded", { ...options, forwarded: true });
    assert.equal(
      forwarded({ authority: "a.example" }),
      "for=203.0.113.7;host=a.example;proto=http",
    );
    assert.equal(
      forwarded({ peer: "2001:db8::1", authority: "[::1]:8080" }),
      'for="[2001:db8::1]";host="[::1]:8080";proto=http',
    );
    assert.equal(forwarded({ peer: "", authority: "" }), "for=unknown;proto=http");
    assert.equal(value("x-forwarded-for", { peer: "" }), undefined);
  });

  it("name the version that the request came with", () => {
    assert.equal(value("via", { version: 10 }), "1.0 sluice-1");
    const fields = sent([["Via", "1.1 other"]]);
    assert.deepEqual(
      fields.filter(([name]) => name === "via"),
      [
        ["via", "1.1 other"],
        ["via", "1.1 sluice-1"],
      ],
    );
  });
});

describe("a loop", () => {
  it("is a request that was here twice, in one field or in several", () => {
    const loops = (...values: string[]): boolean => {
      const { headers } = new RequestHead();
      for (const via of values) headers.append("Via", via);
      return isLoop(headers, "sluice-1");
    };
    assert.equal(loops(), false);
    assert.equal(loops("1.1 sluice-1"), false);
    assert.equal(loops("1.1 sluice-1, 1.0 other, 1.1 sluice-1"), true);
    assert.equal(loops("1.1 sluice-1", "1.1 sluice-1"), true);
    assert.equal(loops("1.1 sluice-1 (comment),  HTTP/1.1   sluice-1"), true);
    assert.equal(loops("1.1 sluice-12, 1.1 sluice-1, 1.1 other (sluice-1)"), false);
    assert.equal(loops("sluice-1, sluice-1, ,,"), false);
  });
});
