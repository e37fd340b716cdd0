import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteWriter } from "#core/bytes/writer.ts";
import { HeaderList } from "#core/http/header-list.ts";
import { headerIdOf } from "#core/http/header-names.ts";
import { HpackDecoder } from "./decoder.ts";
import { DynamicTable } from "./dynamic-table.ts";
import { writeField, writeNumber, writeStatus } from "./encoder.ts";
import { decodeHuffman, encodedLength, encodeHuffman, mostDecoded } from "./huffman.ts";

type Field = [name: string, value: string];

/** The fields of a block, or what is wrong with it. */
function decode(decoder: HpackDecoder, bytes: Uint8Array): Field[] | string {
  const list = new HeaderList(16, 2);
  const fields: Field[] = [];
  const fine = decoder.decode(bytes, 0, bytes.length, list, {
    full: false,
    flawsOf: () => 0,
    onStaticPseudo: (name, value) => fields.push([name, value]),
    onField: (id, nameStart, nameEnd, start, end) => {
      const text = Buffer.from(list.bytes).toString("latin1", 0, list.used);
      fields.push([text.slice(nameStart, nameEnd), text.slice(start, end)]);
      assert.equal(id, headerIdOf(text.slice(nameStart, nameEnd).toLowerCase()));
      assert.equal(text.slice(nameEnd, start), ": ");
      assert.equal(text.slice(end), "\r\n");
    },
  });
  return fine ? fields : decoder.detail;
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

/** The sequences of RFC 7541, appendix C: blocks that follow each other on one connection, and what they say. */
const EXAMPLES: Readonly<Record<string, readonly (readonly [block: string, fields: Field[]])[]>> = {
  "C.2.1 literal with indexing": [
    [
      "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
      [["custom-key", "custom-header"]],
    ],
    ["be", [["custom-key", "custom-header"]]],
  ],
  "C.2.2 literal without indexing": [
    ["040c 2f73 616d 706c 652f 7061 7468", [[":path", "/sample/path"]]],
  ],
  "C.2.3 literal never indexed": [
    ["1008 7061 7373 776f 7264 0673 6563 7265 74", [["password", "secret"]]],
  ],
  "C.2.4 indexed": [["82", [[":method", "GET"]]]],
  "C.3 requests": [
    [
      "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
      [
        [":method", "GET"],
        [":scheme", "http"],
        [":path", "/"],
        [":authority", "www.example.com"],
      ],
    ],
    [
      "8286 84be 5808 6e6f 2d63 6163 6865",
      [
        [":method", "GET"],
        [":scheme", "http"],
        [":path", "/"],
        [":authority", "www.example.com"],
        ["cache-control", "no-cache"],
      ],
    ],
    [
      "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
      [
        [":method", "GET"],
        [":scheme", "https"],
        [":path", "/index.html"],
        [":authority", "www.example.com"],
        ["custom-key", "custom-value"],
      ],
    ],
  ],
  "C.4 requests, Huffman-coded": [
    [
      "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
      [
        [":method", "GET"],
        [":scheme", "http"],
        [":path", "/"],
        [":authority", "www.example.com"],
      ],
    ],
    [
      "8286 84be 5886 a8eb 1064 9cbf",
      [
        [":method", "GET"],
        [":scheme", "http"],
        [":path", "/"],
        [":authority", "www.example.com"],
        ["cache-control", "no-cache"],
      ],
    ],
    [
      "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
      [
        [":method", "GET"],
        [":scheme", "https"],
        [":path", "/index.html"],
        [":authority", "www.example.com"],
        ["custom-key", "custom-value"],
      ],
    ],
  ],
};

/** C.5 and C.6: a table of 256 bytes, from which entries are evicted. */
const FIRST_ANSWER: Field[] = [
  [":status", "302"],
  ["cache-control", "private"],
  ["date", "Mon, 21 Oct 2013 20:13:21 GMT"],
  ["location", "https://www.example.com"],
];
const ANSWERS: Field[][] = [
  FIRST_ANSWER,
  [[":status", "307"], ...FIRST_ANSWER.slice(1)],
  [
    [":status", "200"],
    ["cache-control", "private"],
    ["date", "Mon, 21 Oct 2013 20:13:22 GMT"],
    ["location", "https://www.example.com"],
    ["content-encoding", "gzip"],
    ["set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"],
  ],
];
const EVICTIONS: Readonly<Record<string, readonly string[]>> = {
  "C.5 answers": [
    "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
    "4803 3330 37c1 c0bf",
    "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31",
  ],
  "C.6 answers, Huffman-coded": [
    "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
    "4883 640e ffc1 c0bf",
    "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
  ],
};

for (const [name, blocks] of Object.entries(EXAMPLES)) {
  test(`RFC 7541 ${name}`, () => {
    const decoder = new HpackDecoder(4096);
    for (const [block, fields] of blocks) assert.deepEqual(decode(decoder, hex(block)), fields);
  });
}

for (const [name, blocks] of Object.entries(EVICTIONS)) {
  test(`RFC 7541 ${name}`, () => {
    const decoder = new HpackDecoder(256);
    for (const [index, block] of blocks.entries()) {
      assert.deepEqual(decode(decoder, hex(block)), ANSWERS[index]);
    }
  });
}

/** Blocks that cannot be read, and why. */
const BROKEN: readonly (readonly [block: string, detail: string])[] = [
  ["80", "index 0"],
  ["be", "index beyond the table"],
  ["ff8001", "index beyond the table"],
  ["7e00", "index beyond the table"],
  ["ff", "malformed integer"],
  ["ff80808080", "malformed integer"],
  ["ffffffffff7f", "malformed integer"],
  ["00", "block cut short"],
  ["0005", "string longer than its block"],
  ["0001 61", "block cut short"],
  ["0001 6105 61", "string longer than its block"],
  ["82 20", "table size update behind a field"],
  ["3fe2 1f", "table size beyond the setting"],
  ["0001 6184 ffff ffff", "malformed Huffman code"],
  ["0001 6181 00", "malformed Huffman code"],
  ["0001 6182 1fff", "malformed Huffman code"],
];

for (const [block, detail] of BROKEN) {
  test(`the block ${block} is refused: ${detail}`, () => {
    assert.equal(decode(new HpackDecoder(4096), hex(block)), detail);
  });
}

test("a table size update empties the table, and another fills it again", () => {
  const decoder = new HpackDecoder(4096);
  assert.deepEqual(decode(decoder, hex("4001 6101 62 be")), [
    ["a", "b"],
    ["a", "b"],
  ]);
  assert.deepEqual(decode(decoder, hex("20 3fe1 1f 4001 6301 64 be")), [
    ["c", "d"],
    ["c", "d"],
  ]);
  assert.equal(decode(decoder, hex("bf")), "index beyond the table");
});

test("every text is the same after it was encoded and decoded", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const length = encodedLength(bytes, 0, bytes.length);
      const coded = new Uint8Array(length + 2).fill(0xaa);
      assert.equal(encodeHuffman(bytes, 0, bytes.length, coded, 1), length + 1);
      assert.equal(coded[length + 1], 0xaa, "nothing behind the end is touched");
      assert.ok(mostDecoded(length) >= bytes.length);
      const decoded = new Uint8Array(bytes.length);
      assert.equal(decodeHuffman(coded, 1, length + 1, decoded, 0), bytes.length);
      assert.deepEqual(decoded, bytes);
    }),
  );
});

test("what the encoder writes is what the decoder reads, in lower case", () => {
  const name = fc.stringMatching(/^[a-zA-Z!#$%&'*+.^_`|~0-9-]{1,40}$/);
  const known = fc.constantFrom("Content-Type", "Set-Cookie", "Via", "X-Request-Id", "etag");
  const value = fc.string({
    unit: fc.integer({ min: 32, max: 255 }).map((c) => String.fromCharCode(c)),
    maxLength: 300,
  });
  fc.assert(
    fc.property(
      fc.integer({ min: 100, max: 599 }),
      fc.array(fc.tuple(fc.oneof(name, known), value), { maxLength: 10 }),
      fc.nat(),
      (status, fields, length) => {
        const writer = new ByteWriter(16);
        writeStatus(writer, status);
        for (const [each, text] of fields) {
          const line = Buffer.from(each + text, "latin1");
          const id = headerIdOf(each.toLowerCase());
          writeField(writer, id, line, 0, each.length, each.length, line.length);
        }
        writeNumber(writer, headerIdOf("content-length"), length);
        assert.deepEqual(decode(new HpackDecoder(4096), writer.view()), [
          [":status", String(status)],
          ...fields.map(([each, text]) => [each.toLowerCase(), text]),
          ["content-length", String(length)],
        ]);
      },
    ),
  );
});

test("the table holds the entries that RFC 7541 says it holds, whatever is added and resized", () => {
  const step = fc.oneof(
    fc.record({ name: fc.string({ maxLength: 20 }), value: fc.string({ maxLength: 120 }) }),
    fc.integer({ min: 0, max: 600 }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const table = new DynamicTable(400);
      const model: { line: string; size: number }[] = [];
      let limit = 400;
      for (const one of steps) {
        if (typeof one === "number") table.resize((limit = one));
        else {
          const name = Buffer.from(one.name, "latin1").toString("latin1");
          const value = Buffer.from(one.value, "latin1").toString("latin1");
          const line = `${name}: ${value}\r\n`;
          table.add(Buffer.from(line, "latin1"), 0, name.length, value.length, 0, model.length);
          model.unshift({ line, size: name.length + value.length + 32 });
        }
        while (model.reduce((sum, { size }) => sum + size, 0) > limit) model.pop();
        assert.equal(table.count, model.length);
        assert.equal(
          table.size,
          model.reduce((sum, { size }) => sum + size, 0),
        );
        for (const [index, { line }] of model.entries()) {
          const start = table.startAt(index);
          const length = table.nameLengthAt(index) + table.valueLengthAt(index) + 4;
          const stored = Buffer.from(table.bytes).toString("latin1", start, start + length);
          assert.equal(stored, line);
        }
        assert.ok(table.bytes.length <= 2048, "memory is bounded by the table's size");
      }
    }),
  );
});
