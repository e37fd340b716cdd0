/** Node's own HTTP parser, strict, as the other opinion on what a wire says. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";

/** A message as llhttp read it, as far as it came. */
export interface LlhttpMessage {
  method: string;
  url: string;
  status: number;
  version: string;
  /** name, value, name, value … of head and trailers, latin1. */
  fields: string[];
  /** latin1 */
  body: string;
  upgrade: boolean;
  complete: boolean;
}

/** What a wire came to. */
export interface LlhttpRecord {
  messages: LlhttpMessage[];
  /** `HPE_…`, or null if all was taken. */
  error: string | null;
}

type HeadersComplete = (
  major: number,
  minor: number,
  fields: string[] | undefined,
  method: number | undefined,
  url: string | undefined,
  status: number | undefined,
  reason: string | undefined,
  upgrade: boolean,
) => number;

interface NodeParser {
  initialize(type: number, resource: object, maxHeaderSize: number, lenient: number): void;
  execute(bytes: Buffer): number | (Error & { code: string });
  finish(): undefined | (Error & { code: string });
  [callback: number]: unknown;
}

interface NodeParserClass {
  new (): NodeParser;
  readonly REQUEST: number;
  readonly RESPONSE: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
}

// Node has no public name for it; `_http_common` is what undici's and Node's own tests use.
const common: unknown = process.getBuiltinModule("_http_common");
assert(typeof common === "object" && common !== null);
const { HTTPParser, methods } = common as {
  HTTPParser: NodeParserClass;
  methods: readonly string[];
};

/** Larger than our own limit, so that it never decides. */
const MAX_HEAD = 128 * 1024;

/** The methods that it knows; it refuses all others. */
export const llhttpMethods: ReadonlySet<string> = new Set(methods);

/** Reads requests. */
export function llhttpRequests(wire: string | Uint8Array): LlhttpRecord {
  return read(HTTPParser.REQUEST, wire, () => false, false);
}

/** Reads the responses to requests of these methods, up to the end of the connection. */
export function llhttpResponses(
  wire: string | Uint8Array,
  requestMethods: readonly string[],
): LlhttpRecord {
  let heads = 0;
  return read(
    HTTPParser.RESPONSE,
    wire,
    (status) => requestMethods[status < 200 ? heads : heads++] === "HEAD",
    true,
  );
}

function read(
  type: number,
  wire: string | Uint8Array,
  skipsBody: (status: number) => boolean,
  finish: boolean,
): LlhttpRecord {
  const record: LlhttpRecord = { messages: [], error: null };
  const parser = new HTTPParser();
  parser.initialize(type, {}, MAX_HEAD, 0);
  // Fields of large heads come in batches before the head is complete, trailers behind it.
  let pending: string[] = [];
  let pendingUrl = "";
  let current: LlhttpMessage | null = null;
  parser[HTTPParser.kOnHeaders] = (fields: string[], url: string): void => {
    if (current === null) {
      pending.push(...fields);
      pendingUrl += url;
    } else current.fields.push(...fields);
  };
  const onHeadersComplete: HeadersComplete = (
    major,
    minor,
    fields,
    method,
    url,
    status,
    _r,
    up,
  ) => {
    current = {
      method: method === undefined ? "" : (methods[method] ?? ""),
      url: url ?? pendingUrl,
      status: status ?? 0,
      version: `${major}.${minor}`,
      fields: fields ?? pending,
      body: "",
      upgrade: up,
      complete: false,
    };
    pending = [];
    pendingUrl = "";
    record.messages.push(current);
    return skipsBody(current.status) ? 1 : 0;
  };
  parser[HTTPParser.kOnHeadersComplete] = onHeadersComplete;
  parser[HTTPParser.kOnBody] = (bytes: Buffer): void => {
    assert(current !== null);
    current.body += bytes.toString("latin1");
  };
  parser[HTTPParser.kOnMessageComplete] = (): void => {
    assert(current !== null);
    current.complete = true;
    current = null;
  };
  const result = parser.execute(
    typeof wire === "string" ? Buffer.from(wire, "latin1") : Buffer.from(wire),
  );
  if (typeof result !== "number") record.error = result.code;
  else if (finish) record.error = parser.finish()?.code ?? null;
  return record;
}
