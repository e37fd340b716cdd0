/**
 * Requests that try to make two servers disagree on where a message ends, generated from combinations:
 * every way to obscure Content-Length and Transfer-Encoding that was ever published, and variations of it,
 * at every place in the head, with and without the other field, in three versions, and every mutation of a
 * chunk line. What must become of each follows from its parts alone, never from a parser.
 */

import { chunkMutations, lastChunkMutations, SMUGGLED, soundBodies } from "./smuggling-chunks.ts";
import {
  CHUNKED,
  codingVariants,
  LENGTH,
  lengthVariants,
  type Meaning,
  type Variant,
} from "./smuggling-fields.ts";
import { badHosts, badStartLines, soundStartLines } from "./smuggling-lines.ts";

/** "refuse": no complete message may come of it. "forward": it may be taken. */
export type Verdict = "refuse" | "forward";

/** One request, with another smuggled behind it. */
export interface SmugglingCase {
  readonly name: string;
  /** latin1 */
  readonly wire: string;
  readonly verdict: Verdict;
}

/** Complete as five bytes of nothing in particular and as chunks. */
const BODY = "5\r\nhello\r\n0\r\n\r\n";

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
