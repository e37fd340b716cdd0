/**
 * Requests that try to make two servers disagree on where a message ends, generated from combinations:
 * every way to obscure Content-Length and Transfer-Encoding that was ever published, and variations of it,
 * at every place in the head, with and without the other field, in three versions, and every mutation of a
 * chunk line. What must become of each follows from its parts alone, never from a parser.
 */

/** "refuse": no complete message may come of it. "forward": it may be taken. */
export type Verdict = "refuse" | "forward";

/** One request, with another smuggled behind it. */
export interface SmugglingCase {
  readonly name: string;
  /** latin1 */
  readonly wire: string;
  readonly verdict: Verdict;
}

/** What a field line does to framing: nothing, a valid one of the two fields, or what nobody may accept. */
type Meaning = "none" | "length" | "chunked" | "bad";

type Variant = readonly [line: string, meaning: Meaning];

const SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
/** Complete as five bytes of nothing in particular and as chunks. */
const BODY = "5\r\nhello\r\n0\r\n\r\n";

const LENGTH = "Content-Length: 5";
const CHUNKED = "Transfer-Encoding: chunked";

function all(meaning: Meaning, lines: readonly string[]): Variant[] {
  return lines.map((line) => [line, meaning]);
}

const lengthVariants: readonly Variant[] = [
  ...all("length", [
    LENGTH,
    "content-length:5",
    "CONTENT-LENGTH: \t5 ",
    "Content-Length: 0",
    "Content-Length: 0005",
  ]),
  ...all("none", [
    "Content_Length: 5",
    "Content-Lengt: 5",
    "X-Content-Length: 5",
    "Content-Length-: 5",
  ]),
  ...all(
    "bad",
    [
      "+5",
      "-5",
      "-0",
      "0x5",
      "0o5",
      "0b1",
      "5,5",
      "5 ,5",
      "5, 5",
      "5,",
      ",5",
      "5, 6",
      "5 6",
      "5 5",
      "",
      "5a",
      "a",
      "5.0",
      "5e0",
      "5;",
      '"5"',
      "'5'",
      "(5)",
      "5\x0b",
      "\x0b5",
      "\x0c5",
      "5\0",
      "\x005",
      "\x1f5",
      "\x7f5",
      "\x855",
      "\xa05",
      "\xb2",
      "5\xa0",
      "9007199254740992",
      "18446744073709551621",
      "4294967301000000000000000000000000000005",
      "5\r",
      "\r5",
      "\n5",
      "5\nX: y",
      "5\rX: y",
      "\r\n 5",
      "\r\n\t5",
      "5\r\n 5",
      "5\r\n ",
      "5\r\nContent-Length: 5",
      "5\r\nContent-Length: 6",
      "5\r\ncontent-length: 0",
      "0\r\nContent-Length: 5",
    ].map((value) => `Content-Length: ${value}`),
  ),
  ...all("bad", [
    "Content-Length : 5",
    "Content-Length\t: 5",
    " Content-Length: 5",
    "\tContent-Length: 5",
    "Content-Length",
    "Content-Length 5",
    "Content-Length\0: 5",
    "Content-Length\x0b: 5",
    "Content-Length\r: 5",
    "Content-Length\n: 5",
    "Content-Length\r\n: 5",
    "Content Length: 5",
    "Content\0Length: 5",
    "\0Content-Length: 5",
    "\xefContent-Length: 5",
    '"Content-Length": 5',
    "(Content-Length): 5",
    "X: y\nContent-Length: 5",
    "X: y\rContent-Length: 5",
    "X: y\n\rContent-Length: 5",
    "X: y\0\r\nContent-Length: 5",
    ": 5",
  ]),
];

const codingVariants: readonly Variant[] = [
  ...all("chunked", [
    CHUNKED,
    "transfer-encoding:chunked",
    "TRANSFER-ENCODING: CHUNKED",
    "Transfer-Encoding: \t Chunked \t",
  ]),
  ...all("none", [
    "Transfer_Encoding: chunked",
    "Transfer-Encodin: chunked",
    "X-Transfer-Encoding: chunked",
    "Content-Encoding: chunked",
    "TE: chunked",
  ]),
  ...all(
    "bad",
    [
      "",
      "xchunked",
      "chunkedx",
      "chunk",
      "chunked,",
      ",chunked",
      ", chunked",
      "chunked ,",
      "chunked,,",
      "chunked, chunked",
      "chunked,chunked",
      "chunked, identity",
      "chunked, gzip",
      "identity",
      "identity, chunked",
      "identity,chunked",
      "gzip",
      "gzip, chunked",
      "gzip,, chunked",
      "gzip;q=1, chunked",
      'gzip;a="b, chunked", chunked',
      'gzip;a="chunked',
      "x-custom, chunked",
      "chunked;",
      "chunked;q=1",
      "chunked; q=0.5",
      "chunked chunked",
      "chunked gzip",
      "chu nked",
      "chu\tnked",
      "chunked.",
      "chunked\0",
      "\0chunked",
      "chu\0nked",
      "\x0bchunked",
      "\x0cchunked",
      "chunked\x0b",
      "chunked\x0c",
      "\x7fchunked",
      "\x85chunked",
      "\xa0chunked",
      "chunked\xa0",
      "\xe2\x80\x8bchunked",
      "c\xc4\xa7unked",
      '"chunked"',
      "'chunked'",
      "(chunked)",
      "[chunked]",
      "=chunked",
      ":chunked",
      "chunked:",
      "\r\n chunked",
      "\r\n\tchunked",
      "\n chunked",
      "\nchunked",
      "\rchunked",
      "chunked\r",
      "chunked\nX: y",
      "chunked\rX: y",
      "chunked\r\n ",
      "chunked\r\n x",
      "chu\r\n nked",
      "chunked\r\nTransfer-Encoding: chunked",
      "chunked\r\nTransfer-Encoding: identity",
      "chunked\r\nTransfer-Encoding: x",
      "chunked\r\nTransfer-Encoding:",
      "identity\r\nTransfer-Encoding: chunked",
      "x\r\nTransfer-Encoding: chunked",
      "\r\nTransfer-Encoding: chunked",
    ].map((value) => `Transfer-Encoding: ${value}`),
  ),
  ...all("bad", [
    "Transfer-Encoding : chunked",
    "Transfer-Encoding\t: chunked",
    " Transfer-Encoding: chunked",
    "\tTransfer-Encoding: chunked",
    "Transfer-Encoding",
    "Transfer-Encoding chunked",
    "Transfer-Encoding\0: chunked",
    "Transfer-Encoding\x0b: chunked",
    "Transfer-Encoding\r: chunked",
    "Transfer-Encoding\n: chunked",
    "Transfer-Encoding\r\n: chunked",
    "Transfer Encoding: chunked",
    "Transfer\0Encoding: chunked",
    "\0Transfer-Encoding: chunked",
    "\x0bTransfer-Encoding: chunked",
    "\xefTransfer-Encoding: chunked",
    '"Transfer-Encoding": chunked',
    "X: y\nTransfer-Encoding: chunked",
    "X: y\rTransfer-Encoding: chunked",
    "X: y\n\rTransfer-Encoding: chunked",
    "X: y\0\r\nTransfer-Encoding: chunked",
    "X:\r\n y\r\nTransfer-Encoding: chunked",
  ]),
];

const VERSIONS = ["1.0", "1.1", "1.2"] as const;

/** What must become of a head with these framing fields. */
function verdictOf(meanings: readonly Meaning[], version: string): Verdict {
  const chunked = meanings.includes("chunked");
  const lengths = meanings.filter((meaning) => meaning === "length").length;
  const bad =
    meanings.includes("bad") || lengths > 1 || (chunked && (lengths > 0 || version === "1.0"));
  return bad ? "refuse" : "forward";
}

/** The line at each place of a head, alone and with the other field before and behind it. */
function* headCases(variants: readonly Variant[], other: Variant): Generator<SmugglingCase> {
  for (const [line, meaning] of variants) {
    for (const version of VERSIONS) {
      const heads: [place: string, lines: string[], meanings: Meaning[]][] = [
        ["first", [line, "Host: a"], [meaning]],
        ["last", ["Host: a", "Accept: */*", line], [meaning]],
        [`behind ${other[0]}`, ["Host: a", other[0], line], [meaning, other[1]]],
        [`before ${other[0]}`, [line, other[0], "Host: a"], [meaning, other[1]]],
      ];
      for (const [place, lines, meanings] of heads) {
        yield {
          name: `HTTP/${version}, ${place}: ${JSON.stringify(line)}`,
          wire: [`POST /a HTTP/${version}`, ...lines, "", BODY + SMUGGLED].join("\r\n"),
          verdict: verdictOf(meanings, version),
        };
      }
    }
  }
}

/** What stands in the place of a whole chunk: its line, its data and the line end behind it. */
const chunkMutations: readonly (readonly [name: string, chunk: string])[] = [
  ["no digits", "\r\nhello\r\n"],
  ["an extension without digits", ";a=b\r\nhello\r\n"],
  ["a blank before the size", " 5\r\nhello\r\n"],
  ["a tab before the size", "\t5\r\nhello\r\n"],
  ["a blank behind the size", "5 \r\nhello\r\n"],
  ["a tab behind the size", "5\t\r\nhello\r\n"],
  ["a blank before the extension", "5 ;a\r\nhello\r\n"],
  ["a blank in the extension", "5;a b\r\nhello\r\n"],
  ["an empty extension", "5;\r\nhello\r\n"],
  ["two semicolons", "5;;\r\nhello\r\n"],
  ["a plus sign", "+5\r\nhello\r\n"],
  ["a minus sign", "-5\r\nhello\r\n"],
  ["minus zero", "-0\r\n\r\n"],
  ["0x", "0x5\r\nhello\r\n"],
  ["0X", "0X5\r\nhello\r\n"],
  ["h", "5h\r\nhello\r\n"],
  ["an underscore", "0_5\r\nhello\r\n"],
  ["a comma", "5,5\r\nhello\r\n"],
  ["a dot", "5.0\r\nhello\r\n"],
  ["quotes", '"5"\r\nhello\r\n'],
  ["NUL before the size", "\x005\r\nhello\r\n"],
  ["NUL behind the size", "5\0\r\nhello\r\n"],
  ["VT behind the size", "5\x0b\r\nhello\r\n"],
  ["NBSP behind the size", "5\xa0\r\nhello\r\n"],
  ["a full-width digit", "\xef\xbc\x95\r\nhello\r\n"],
  ["an overflow of 32 bits and more", "1000000000000000005\r\nhello\r\n"],
  ["an overflow of 64 bits", "10000000000000005\r\nhello\r\n"],
  ["an overflow of 53 bits", "20000000000005\r\nhello\r\n"],
  ["many f", `${"f".repeat(40)}\r\nhello\r\n`],
  ["LF behind the size", "5\nhello\r\n"],
  ["CR behind the size", "5\rhello\r\n"],
  ["CR CR LF behind the size", "5\r\r\nhello\r\n"],
  ["LF CR behind the size", "5\n\rhello\r\n"],
  ["LF in the extension", "5;a\nhello\r\n"],
  ["LF in an extension, and the rest of the line", "5;a\n5\r\nhello\r\n"],
  ["CR in the extension", "5;a\rb\r\nhello\r\n"],
  ["LF in an extension's quotes", '5;a="\n"\r\nhello\r\n'],
  ["CRLF in an extension's quotes", '5;a="\r\n"\r\nhello\r\n'],
  ["an escaped LF in an extension's quotes", '5;a="\\\n"\r\nhello\r\n'],
  ["NUL in an extension", "5;a\0b\r\nhello\r\n"],
  ["open quotes", '5;a="b\r\nhello\r\n'],
  ["no line end behind the data", "5\r\nhello"],
  ["LF behind the data", "5\r\nhello\n"],
  ["CR behind the data", "5\r\nhello\r"],
  ["LF CR behind the data", "5\r\nhello\n\r"],
  ["CR CR LF behind the data", "5\r\nhello\r\r\n"],
  ["more data than its size", "5\r\nhellooo\r\n"],
  ["less data than its size", "5\r\nhell\r\n"],
  ["an empty line before the size", "\r\n5\r\nhello\r\n"],
  ["an LF before the size", "\n5\r\nhello\r\n"],
  ["a field in the place of a chunk", "X: y\r\n"],
  ["an extension that is too long", `5;${"a".repeat(2000)}\r\nhello\r\n`],
];

const lastChunkMutations: readonly (readonly [name: string, end: string])[] = [
  ["LF behind the last chunk", "0\n\r\n"],
  ["LF for the empty line", "0\r\n\n"],
  ["LF LF", "0\n\n"],
  ["CR CR", "0\r\r"],
  ["CR LF CR X", "0\r\n\rX"],
  ["a blank behind the last size", "0 \r\n\r\n"],
  ["a folded trailer", "0\r\nX: y\r\n z\r\n\r\n"],
  ["a folded first trailer", "0\r\n X: y\r\n\r\n"],
  ["a blank before a trailer's colon", "0\r\nX : y\r\n\r\n"],
  ["a trailer without a colon", "0\r\nX\r\n\r\n"],
  ["a trailer without a name", "0\r\n: y\r\n\r\n"],
  ["LF behind a trailer", "0\r\nX: y\n\r\n"],
  ["CR in a trailer", "0\r\nX: y\rz\r\n\r\n"],
  ["NUL in a trailer", "0\r\nX: y\0\r\n\r\n"],
  ["NUL in a trailer's name", "0\r\nX\0: y\r\n\r\n"],
  ["data behind the last size", "0\r\nhello\r\n\r\n"],
  ["a request for a trailer", `0\r\n${SMUGGLED.slice(0, -2)}`],
];

const soundBodies: readonly (readonly [name: string, body: string])[] = [
  ["ordinary chunks", "5\r\nhello\r\n0\r\n\r\n"],
  ["leading zeros", "005\r\nhello\r\n000\r\n\r\n"],
  ["upper and lower case sizes", "A\r\n0123456789\r\nb\r\n0123456789a\r\n0\r\n\r\n"],
  ["extensions", '5;a;b=c;d="e f"\r\nhello\r\n0;z\r\n\r\n'],
  ["trailers", "5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"],
  ["framing in trailers", "5\r\nhello\r\n0\r\nContent-Length: 30\r\nTransfer-Encoding: x\r\n\r\n"],
  ["a request in a chunk", `${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n0\r\n\r\n`],
];

function* bodyCases(): Generator<SmugglingCase> {
  const heads = {
    "": "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    "before Host, ": "POST /a HTTP/1.1\r\nTransfer-Encoding: Chunked\r\nHost: a\r\n\r\n",
  };
  for (const [place, head] of Object.entries(heads)) {
    for (const [name, chunk] of chunkMutations) {
      for (const [order, before] of [
        ["first", ""],
        ["second", "3\r\nabc\r\n"],
      ] as const) {
        yield {
          name: `chunks: ${place}${name}, ${order} chunk`,
          wire: `${head}${before}${chunk}0\r\n\r\n${SMUGGLED}`,
          verdict: "refuse",
        };
      }
    }
    for (const [name, end] of lastChunkMutations) {
      yield {
        name: `chunks: ${place}${name}`,
        wire: `${head}5\r\nhello\r\n${end}${SMUGGLED}`,
        verdict: "refuse",
      };
    }
    for (const [name, body] of soundBodies) {
      yield { name: `chunks: ${place}${name}`, wire: head + body + SMUGGLED, verdict: "forward" };
    }
  }
}

const badStartLines: readonly string[] = [
  "GET /",
  "GET",
  "GET / ",
  "GET / HTTP",
  "GET / HTTP/1",
  "GET / HTTP/1.",
  "GET / HTTP/.1",
  "GET / HTTP/1.1 ",
  "GET / HTTP/1.1\t",
  "GET / HTTP/1.1 x",
  "GET / HTTP/11",
  "GET / HTTP/1.10",
  "GET / HTTP/01.1",
  "GET / HTTP/1.x",
  "GET / HTTP/1,1",
  "GET / http/1.1",
  "GET / HTTPS/1.1",
  "GET / HTTP /1.1",
  "GET / HTTP/0.9",
  "GET / HTTP/2.0",
  "GET / HTTP/3.0",
  "PRI * HTTP/2.0",
  "GET  / HTTP/1.1",
  "GET /  HTTP/1.1",
  "GET\t/ HTTP/1.1",
  "GET /\tHTTP/1.1",
  "GET\x0b/ HTTP/1.1",
  "GET\0/ HTTP/1.1",
  " GET / HTTP/1.1",
  "\tGET / HTTP/1.1",
  "\0GET / HTTP/1.1",
  "G ET / HTTP/1.1",
  "G\0ET / HTTP/1.1",
  "GET: / HTTP/1.1",
  "G\xc9T / HTTP/1.1",
  "(GET) / HTTP/1.1",
  "/ HTTP/1.1",
  " / HTTP/1.1",
  "GET HTTP/1.1",
  "GET /a b HTTP/1.1",
  "GET /a\tb HTTP/1.1",
  "GET /a\0 HTTP/1.1",
  "GET /a\x01 HTTP/1.1",
  "GET /a\x7f HTTP/1.1",
  "GET /a\x80 HTTP/1.1",
  "GET /\xc3\xa9 HTTP/1.1",
  "GET /a#b HTTP/1.1",
  "GET # HTTP/1.1",
  "GET a HTTP/1.1",
  "GET a/b HTTP/1.1",
  "GET ?a HTTP/1.1",
  "GET * HTTP/1.1",
  "POST * HTTP/1.1",
  "OPTIONS ** HTTP/1.1",
  "OPTIONS *a HTTP/1.1",
  "GET a:80 HTTP/1.1",
  "GET ftp://a/ HTTP/1.1",
  "GET file:///etc/passwd HTTP/1.1",
  "GET javascript:alert(1) HTTP/1.1",
  "GET http:/a HTTP/1.1",
  "GET http:a HTTP/1.1",
  "GET http:// HTTP/1.1",
  "GET http:///a HTTP/1.1",
  "GET http://@a/ HTTP/1.1",
  "GET http://u@a/ HTTP/1.1",
  "GET http://u:p@a/ HTTP/1.1",
  "GET http://b/ HTTP/1.1",
  "GET http://a:81/ HTTP/1.1",
  "GET http://a.b/ HTTP/1.1",
  "GET http://a%2eb/ HTTP/1.1",
  "GET http://a\\b/ HTTP/1.1",
  "GET https://a:80/ HTTP/1.1",
  "CONNECT a:80 HTTP/1.1",
  "CONNECT / HTTP/1.1",
  "TRACE / HTTP/1.1",
  "GET / HTTP/1.1\r",
  "GET / HTTP/1.1\n",
  "GET / HTTP/1.1\nHost: a",
  "GET /\r HTTP/1.1",
  "GET /\n HTTP/1.1",
  "\r\n\r\nGET / HTTP/1.1",
  "\nGET / HTTP/1.1",
  "\rGET / HTTP/1.1",
  "\r\n\nGET / HTTP/1.1",
];

const badHosts: readonly string[] = [
  "",
  "Host:",
  "Host: ",
  "Host: a\r\nHost: a",
  "Host: a\r\nhost: b",
  "Host : a",
  " Host: a",
  "Host\t: a",
  "Host: a b",
  "Host: a,b",
  "Host: a, a",
  "Host: a\tb",
  "Host: a/b",
  "Host: a?b",
  "Host: a#b",
  "Host: a\\b",
  "Host: u@a",
  "Host: http://a",
  "Host: a:b",
  "Host: a:0",
  "Host: a:-1",
  "Host: a:65536",
  "Host: a:80:80",
  "Host: a:8 0",
  "Host: :80",
  "Host: [::1",
  "Host: ::1",
  "Host: [::1]x",
  "Host: [::g]",
  "Host: [fe80::1%25eth0]",
  "Host: a%00",
  "Host: a%20b",
  "Host: a\0",
  "Host: \x80a",
  "Host: a..b",
  "Host: .a",
  "Host: a\r\n b",
  "Host: a\nX: y",
  'Host: "a"',
  "Host: <a>",
];

const soundStartLines: readonly string[] = [
  "GET / HTTP/1.1",
  "GET /a?b=c HTTP/1.1",
  "GET //a HTTP/1.1",
  "GET http://a HTTP/1.1",
  "GET http://A:80/x HTTP/1.1",
  "OPTIONS * HTTP/1.1",
  "DELETE /%00 HTTP/1.1",
  "\r\nGET / HTTP/1.1",
];

function* headOnlyCases(): Generator<SmugglingCase> {
  for (const line of badStartLines) {
    yield {
      name: `start line: ${JSON.stringify(line)}`,
      wire: `${line}\r\nHost: a\r\n\r\n${SMUGGLED}`,
      verdict: "refuse",
    };
  }
  for (const line of soundStartLines) {
    yield {
      name: `start line: ${JSON.stringify(line)}`,
      wire: `${line}\r\nHost: a\r\n\r\n${SMUGGLED}`,
      verdict: "forward",
    };
  }
  for (const lines of badHosts) {
    yield {
      name: `host: ${JSON.stringify(lines)}`,
      wire: `GET / HTTP/1.1\r\n${lines === "" ? "" : `${lines}\r\n`}X: y\r\n\r\n${SMUGGLED}`,
      verdict: "refuse",
    };
  }
}

/** Every case; names are unique. */
export function smugglingCorpus(): SmugglingCase[] {
  return [
    ...headCases(lengthVariants, [CHUNKED, "chunked"]),
    ...headCases(codingVariants, [LENGTH, "length"]),
    ...bodyCases(),
    ...headOnlyCases(),
  ];
}
