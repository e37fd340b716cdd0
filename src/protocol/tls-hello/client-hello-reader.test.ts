import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ALERT } from "./alert.ts";
import { ClientHelloReader } from "./client-hello-reader.ts";
import type { HelloFaultKind } from "./fault.ts";
import {
  alpn,
  everyByte,
  message,
  messageOf,
  prefixed,
  readHello,
  record,
  records,
  serverName,
  serverNames,
  versions,
  wire,
  type Extension,
  type HelloRecord,
} from "./hello.fixture.ts";
import { MAX_FRAGMENT, MAX_HELLO, MAX_PROTOCOLS, MAX_RECORDS } from "./limits.ts";

/** What a wire comes to, the same whole and byte by byte. */
function read(bytes: Uint8Array): HelloRecord {
  const whole = readHello(bytes);
  assert.deepEqual(readHello(bytes, everyByte(bytes)), whole);
  return whole;
}

function readExtensions(...extensions: readonly Extension[]): HelloRecord {
  return read(wire({ extensions }));
}

function isRefused(bytes: Uint8Array, kind: HelloFaultKind, alert: number | null): void {
  const { progress, fault } = read(bytes);
  assert.equal(progress, "fault");
  assert.deepEqual([fault?.kind, fault?.alert], [kind, alert], fault?.detail);
}

/** A hello whose body is `length` bytes long. */
function helloOf(length: number): Buffer {
  const padding = length - (message({ extensions: [versions(0x0304)] }).length - 4) - 4;
  // An extension has at most 65 535 bytes, and so has their list: the suites are the other field that can be long.
  const inSuites = Math.max(0, padding - 60_000) & ~1;
  const suites = Buffer.alloc(8 + inSuites, 0x13);
  const hello = message({
    suites,
    extensions: [[21, Buffer.alloc(padding - inSuites)], versions(0x0304)],
  });
  assert.equal(hello.length - 4, length);
  return hello;
}

describe("a ClientHello", () => {
  test("tells name, protocols and versions", () => {
    assert.deepEqual(read(wire()), {
      progress: "done",
      serverName: "example.com",
      sentName: "example.com",
      protocols: ["h2", "http/1.1"],
      offersTls12: false,
      offersTls13: true,
      fault: null,
    });
  });

  test("may end before the extensions, or have an empty list of them", () => {
    for (const extensions of [null, []]) {
      const { progress, serverName, sentName, protocols, offersTls12, offersTls13 } = read(
        wire({ extensions }),
      );
      assert.equal(progress, "done");
      assert.deepEqual([serverName, sentName, protocols], [null, null, []]);
      assert.deepEqual([offersTls12, offersTls13], [true, false]);
    }
  });

  test("is complete with its last byte and not before", () => {
    const bytes = wire();
    assert.equal(readHello(bytes.subarray(0, -1)).progress, "need-more");
    assert.equal(readHello(bytes).progress, "done");
    assert.equal(readHello(Buffer.alloc(0)).progress, "need-more");
  });

  test("may be followed by records that are not looked at, such as early data", () => {
    const rest = Buffer.concat([record(Buffer.of(1), 20), record(Buffer.alloc(99), 23)]);
    assert.equal(read(Buffer.concat([wire(), rest])).serverName, "example.com");
  });

  test("may carry any minor version in its records (RFC 8446 §5.1)", () => {
    const bytes = wire();
    bytes[2] = 0xfa;
    assert.equal(read(bytes).progress, "done");
  });

  test("may hold extensions that nobody knows, GREASE among them (RFC 8701)", () => {
    const { progress, protocols, offersTls12, offersTls13 } = readExtensions(
      [0x0a0a, Buffer.alloc(0)],
      serverName("a.example"),
      alpn("\xca\xca", "h2"),
      versions(0xfafa, 0x0304, 0x0303),
      [0xfafa, Buffer.of(0)],
    );
    assert.equal(progress, "done");
    assert.deepEqual(protocols, ["\xca\xca", "h2"]);
    assert.deepEqual([offersTls12, offersTls13], [true, true]);
  });

  test("ends in the same result however it is cut", () => {
    const hellos = [
      wire(),
      records(message(), 7),
      wire({ extensions: [serverName("a"), serverName("b")] }),
      wire({ extensions: [alpn("")] }),
      Buffer.concat([record(message().subarray(0, 9)), record(Buffer.alloc(0))]),
      Buffer.from("GET / HTTP/1.1\r\n"),
      Buffer.from("802e010002001500000010", "hex"),
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...hellos),
        fc.array(fc.nat(300), { maxLength: 12 }),
        fc.nat(300),
        fc.integer({ min: 0, max: 255 }),
        (hello, cuts, at, byte) => {
          const bytes = Buffer.from(hello);
          if (at < bytes.length) bytes[at] = byte;
          const inside = cuts.filter((cut) => cut < bytes.length);
          assert.deepEqual(readHello(bytes, inside), readHello(bytes));
        },
      ),
      { numRuns: 3000 },
    );
  });
});

describe("records", () => {
  for (const size of [1, 2, 3, 5, 100]) {
    test(`with fragments of ${size} bytes make the same hello as one`, () => {
      assert.deepEqual(read(records(message(), size)), read(wire()));
    });
  }

  test("a hello in records of any lengths is the same hello", () => {
    const whole = message();
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 90 }), { maxLength: 40 }), (sizes) => {
        const parts: Buffer[] = [];
        let at = 0;
        for (const size of sizes) {
          if (at < whole.length) parts.push(record(whole.subarray(at, at + size)));
          at += size;
        }
        if (at < whole.length) parts.push(record(whole.subarray(at)));
        assert.deepEqual(readHello(Buffer.concat(parts)), readHello(wire()));
      }),
    );
  });

  test("that are empty are refused (RFC 8446 §5.1), first, between and last", () => {
    const bytes = message();
    const empty = record(Buffer.alloc(0));
    const between = [record(bytes.subarray(0, 20)), empty, record(bytes.subarray(20))];
    isRefused(Buffer.concat([empty, record(bytes)]), "malformed", ALERT.unexpectedMessage);
    isRefused(Buffer.concat(between), "malformed", ALERT.unexpectedMessage);
    isRefused(
      Buffer.concat([record(bytes.subarray(0, 3)), empty]),
      "malformed",
      ALERT.unexpectedMessage,
    );
  });

  for (const type of [20, 21, 23, 24, 0, 255]) {
    test(`of type ${type} inside the hello are refused`, () => {
      const bytes = message();
      const parts = [
        record(bytes.subarray(0, 50)),
        record(Buffer.of(1, 0), type),
        record(bytes.subarray(50)),
      ];
      isRefused(Buffer.concat(parts), "malformed", ALERT.unexpectedMessage);
    });
  }

  test("may have 16 384 bytes and no more", () => {
    const hello = helloOf(20_000);
    assert.equal(MAX_FRAGMENT, 16_384);
    assert.equal(readHello(records(hello, MAX_FRAGMENT)).progress, "done");
    const { fault } = readHello(records(hello, MAX_FRAGMENT + 1));
    assert.deepEqual([fault?.kind, fault?.alert], ["too_large", ALERT.recordOverflow]);
  });

  test("may be 4096 and no more", () => {
    assert.equal(readHello(records(helloOf(MAX_RECORDS - 4), 1)).progress, "done");
    const { fault } = readHello(records(helloOf(MAX_RECORDS - 3), 1));
    assert.deepEqual([fault?.kind, fault?.detail], ["too_large", "too many records"]);
  });

  test("of another major version are refused, the first and a later one", () => {
    const first = wire();
    first[1] = 2;
    isRefused(first, "version", ALERT.protocolVersion);
    const later = records(message(), 40);
    later[45 + 1] = 4;
    isRefused(later, "version", ALERT.protocolVersion);
  });

  test("may not hold anything behind the hello: that is another message before its turn", () => {
    const bytes = Buffer.concat([message(), Buffer.of(0)]);
    isRefused(record(bytes), "malformed", ALERT.unexpectedMessage);
    isRefused(record(Buffer.concat([message(), message()])), "malformed", ALERT.unexpectedMessage);
    isRefused(records(bytes, 40), "malformed", ALERT.unexpectedMessage);
  });

  test("that are refused for their end are so before the hello in them is read", () => {
    const broken = message({ extensions: [serverName("a"), serverName("a")] });
    isRefused(record(Buffer.concat([broken, Buffer.of(0)])), "malformed", ALERT.unexpectedMessage);
  });
});

describe("the message", () => {
  test("may be 64 KiB and no more", () => {
    assert.equal(readHello(records(helloOf(MAX_HELLO))).progress, "done");
    const over = helloOf(MAX_HELLO + 1);
    const { fault } = readHello(records(over).subarray(0, 9));
    assert.deepEqual([fault?.kind, fault?.alert], ["too_large", ALERT.illegalParameter]);
  });

  test("must be a ClientHello", () => {
    for (const type of [0, 2, 11, 24, 254]) {
      const bytes = wire();
      bytes[5] = type;
      isRefused(bytes, "malformed", ALERT.unexpectedMessage);
    }
  });

  test("is held only as far as it has come, and not at all when it comes in one piece", () => {
    const announced = records(helloOf(MAX_HELLO));
    const reader = new ClientHelloReader();
    reader.feed(announced, 0, 40);
    assert(reader.held <= 512, "a length that was announced reserves nothing");
    let most = 0;
    for (let at = 40; at < announced.length; at += 1000) {
      reader.feed(announced, at, Math.min(at + 1000, announced.length));
      most = Math.max(most, reader.held);
    }
    assert(most <= MAX_HELLO);
    assert.equal(reader.held, 0);

    const whole = new ClientHelloReader();
    assert.equal(whole.feed(wire(), 0, wire().length), "done");
    assert.equal(whole.held, 0);
  });

  test("that ends anywhere but where it may is refused, also if it is empty", () => {
    const bytes = message().subarray(4);
    for (let length = 0; length < bytes.length; length++) {
      const cut = record(messageOf(bytes.subarray(0, length)));
      // The one place where a hello may end early: before the extensions.
      const mayEnd = length === 2 + 32 + 33 + 10 + 2;
      assert.equal(read(cut).progress, mayEnd ? "done" : "fault", `${length} bytes`);
    }
  });

  for (const [name, parts] of Object.entries({
    "a session id of 33 bytes": { sessionId: Buffer.alloc(33) },
    "no cipher suite": { suites: Buffer.alloc(0) },
    "half a cipher suite": { suites: Buffer.alloc(3) },
    "no compression method": { compressions: Buffer.alloc(0) },
  })) {
    test(`with ${name} is refused`, () => {
      isRefused(wire(parts), "malformed", ALERT.decodeError);
    });
  }

  test("may not go on behind the extensions, nor they behind it", () => {
    const body = message().subarray(4);
    isRefused(
      record(messageOf(Buffer.concat([body, Buffer.of(0)]))),
      "malformed",
      ALERT.decodeError,
    );
    isRefused(record(messageOf(body.subarray(0, -1))), "malformed", ALERT.decodeError);
  });
});

describe("extensions", () => {
  test("fill the place that their lengths say, exactly", () => {
    const two = message({ extensions: [versions(0x0304), [21, Buffer.alloc(0)]] });
    const list = two.length - 4 - 7 - 2;
    const shorter = Buffer.from(two);
    shorter.writeUInt16BE(7, list);
    isRefused(record(shorter), "malformed", ALERT.decodeError);
    const last = Buffer.from(two);
    last.writeUInt16BE(1, two.length - 2);
    isRefused(record(last), "malformed", ALERT.decodeError);
    assert.equal(read(record(two)).progress, "done");
  });

  test("of any type may be there once only (RFC 8446 §4.2)", () => {
    for (const [type, content] of [
      serverName("a.example"),
      alpn("h2"),
      versions(0x0304),
      [21, Buffer.alloc(3)],
      [0x0a0a, Buffer.alloc(0)],
      [0xffff, Buffer.alloc(0)],
    ] as const) {
      const twice: Extension[] = [
        [type, content],
        [51, Buffer.alloc(2)],
        [type, content],
      ];
      isRefused(wire({ extensions: twice }), "malformed", ALERT.illegalParameter);
    }
  });

  test("of one hello are not remembered in the next", () => {
    assert.equal(readExtensions(serverName("a.example")).serverName, "a.example");
    assert.equal(readExtensions(serverName("b.example")).serverName, "b.example");
  });

  test("that are as many as fit are each looked at", () => {
    const many: Extension[] = Array.from({ length: 16_000 }, (_, type) => [
      0x1000 + type,
      Buffer.alloc(0),
    ]);
    assert.equal(readHello(wire({ extensions: many })).progress, "done");
    const repeated = [...many, many[0]!];
    assert.equal(readHello(records(message({ extensions: repeated }))).progress, "fault");
  });

  test("end with pre_shared_key where there is one (RFC 8446 §4.2.11)", () => {
    const psk: Extension = [41, Buffer.alloc(8)];
    assert.equal(readExtensions(versions(0x0304), psk).progress, "done");
    isRefused(wire({ extensions: [psk, versions(0x0304)] }), "malformed", ALERT.illegalParameter);
  });
});

describe("server_name", () => {
  test("is given in lower case, and as it was sent", () => {
    const { serverName: name, sentName } = readExtensions(serverName("WWW.Example.com"));
    assert.deepEqual([name, sentName], ["www.example.com", "WWW.Example.com"]);
  });

  test("with an address counts as no name, and what was sent is told", () => {
    const { progress, serverName: name, sentName } = readExtensions(serverName("192.0.2.1"));
    assert.deepEqual([progress, name, sentName], ["done", null, "192.0.2.1"]);
  });

  test("that no host can have is refused with unrecognized_name", () => {
    for (const name of ["a\0b", "a.example.", "a b", "\xfc", "x".repeat(64), "127.1"]) {
      isRefused(wire({ extensions: [serverName(name)] }), "server_name", ALERT.unrecognizedName);
    }
  });

  for (const [name, content] of Object.entries({
    "an empty content": Buffer.alloc(0),
    "an empty list": prefixed(2, Buffer.alloc(0)),
    "two host names": serverNames([0, "a.example"], [0, "b.example"])[1],
    "a name of another type": serverNames([1, "a.example"])[1],
    "a name of another type first": serverNames([1, "a.example"], [0, "a.example"])[1],
    "a name of another type second": serverNames([0, "a.example"], [1, "a.example"])[1],
    "a byte behind the list": Buffer.concat([serverName("a.example")[1], Buffer.of(0)]),
    "a byte behind the name": prefixed(
      2,
      Buffer.concat([Buffer.of(0), prefixed(2, Buffer.from("a.example")), Buffer.of(0)]),
    ),
    "a name that exceeds the list": prefixed(2, Buffer.from("\0\0\x0aa.example", "latin1")),
    "a type alone": prefixed(2, Buffer.of(0)),
    "a list that says less than it is": Buffer.from("\0\x0b\0\0\x09a.example", "latin1"),
    "a list that says more than it is": Buffer.from("\0\x0d\0\0\x09a.example", "latin1"),
  })) {
    test(`with ${name} is refused`, () => {
      isRefused(wire({ extensions: [[0, content]] }), "malformed", ALERT.decodeError);
    });
  }

  test("with an empty name is refused", () => {
    const { fault } = readExtensions(serverName(""));
    assert.deepEqual([fault?.kind, fault?.alert], ["server_name", ALERT.unrecognizedName]);
  });
});

describe("ALPN", () => {
  test("may name protocols of 1 to 255 bytes, each kept byte for byte", () => {
    const names = ["a", "\0\xff", "x".repeat(255), "acme-tls/1"];
    assert.deepEqual(readExtensions(alpn(...names)).protocols, names);
  });

  test("may name 128 protocols and no more", () => {
    const names = Array.from({ length: MAX_PROTOCOLS }, (_, index) => `p${index}`);
    assert.deepEqual(readExtensions(alpn(...names)).protocols, names);
    isRefused(wire({ extensions: [alpn(...names, "one")] }), "too_large", ALERT.illegalParameter);
  });

  for (const [name, content] of Object.entries({
    "an empty content": Buffer.alloc(0),
    "an empty list": prefixed(2, Buffer.alloc(0)),
    "an empty protocol": alpn("")[1],
    "an empty protocol behind another": alpn("h2", "")[1],
    "a protocol that exceeds the list": prefixed(2, Buffer.from("\x03h2", "latin1")),
    "a byte behind the list": Buffer.concat([alpn("h2")[1], Buffer.of(0)]),
    "a list that exceeds the extension": alpn("h2")[1].subarray(0, -1),
  })) {
    test(`with ${name} is refused (RFC 7301 §3.1)`, () => {
      isRefused(wire({ extensions: [[16, content]] }), "malformed", ALERT.decodeError);
    });
  }
});

describe("versions", () => {
  test("that are all too old are answered with protocol_version", () => {
    for (const legacyVersion of [0x0301, 0x0302]) {
      isRefused(wire({ legacyVersion, extensions: null }), "version", ALERT.protocolVersion);
    }
    for (const offered of [[0x0302], [0x0301, 0x0300], [0x7f1c], [0x0a0a], [0x0305]]) {
      isRefused(wire({ extensions: [versions(...offered)] }), "version", ALERT.protocolVersion);
    }
  });

  test("are read from supported_versions alone where it is there (RFC 8446 §4.2.1)", () => {
    const old = read(wire({ legacyVersion: 0x0301, extensions: [versions(0x0303)] }));
    assert.deepEqual([old.offersTls12, old.offersTls13], [true, false]);
    const only13 = readExtensions(versions(0x0304));
    assert.deepEqual([only13.offersTls12, only13.offersTls13], [false, true]);
  });

  test("without supported_versions are at most TLS 1.2, whatever the hello says", () => {
    const { offersTls12, offersTls13 } = read(wire({ legacyVersion: 0x0304, extensions: [] }));
    assert.deepEqual([offersTls12, offersTls13], [true, false]);
  });

  test("of SSL, or beyond all of TLS, are refused as legacy_version", () => {
    for (const legacyVersion of [0x0002, 0x0200, 0x0300, 0x0400, 0xfefd]) {
      isRefused(wire({ legacyVersion }), "version", ALERT.protocolVersion);
    }
  });

  for (const [name, content] of Object.entries({
    "no content": Buffer.alloc(0),
    "no version": Buffer.of(0),
    "half a version": Buffer.of(3, 3, 4, 3),
    "a byte behind them": Buffer.of(2, 3, 4, 0),
    "fewer bytes than it says": Buffer.of(4, 3, 4),
  })) {
    test(`with ${name} are refused`, () => {
      isRefused(wire({ extensions: [[43, content]] }), "malformed", ALERT.decodeError);
    });
  }
});

describe("what is no TLS", () => {
  for (const text of [
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /",
    "CONNECT a:443 HTTP/1.1\r\n",
    "PROPFIND / HTTP/1.1",
    "VERSION-CONTROL / HTTP/1.1",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  ]) {
    test(`is recognised as HTTP: ${JSON.stringify(text)}`, () => {
      isRefused(Buffer.from(text), "plain_http", null);
    });
  }

  test("may become HTTP as long as it looks like a method", () => {
    for (const text of ["G", "GET", "PRI", "VERSION-"]) {
      assert.equal(read(Buffer.from(text)).progress, "need-more");
    }
  });

  for (const text of [
    "SSH-2.0-OpenSSH_9.2\r\n",
    "GET\r\n",
    "get / HTTP/1.1",
    "\r\n",
    "\0",
    "PROXY\0",
    "X".repeat(33),
    "\xff\xff\xff",
    "\x80\x2e\x02",
  ]) {
    test(`and no HTTP is answered with unexpected_message: ${JSON.stringify(text)}`, () => {
      isRefused(Buffer.from(text, "latin1"), "not_tls", ALERT.unexpectedMessage);
    });
  }

  for (const type of [20, 21, 23, 24]) {
    test(`a record of type ${type} before the hello is refused`, () => {
      const bytes = Buffer.concat([record(Buffer.of(1), type), wire()]);
      isRefused(bytes, "not_tls", ALERT.unexpectedMessage);
    });
  }

  test("is told from SSLv2's hello, also where that one offers TLS: protocol_version", () => {
    isRefused(Buffer.from("802e0100020015000000", "hex"), "version", ALERT.protocolVersion);
    isRefused(Buffer.from("802e0103010015000000", "hex"), "version", ALERT.protocolVersion);
  });
});
