/**
 * Heads of messages as every part of the data plane sees them, whichever protocol carried them.
 * The objects are made once per connection (HTTP/1) or stream and filled anew for every message.
 */

import type { Authority } from "./authority.ts";
import { HeaderList } from "./header-list.ts";

/** What a message is carried by: 10 and 11 are HTTP/1.0 and 1.1, 20 is HTTP/2. */
export type HttpVersion = 10 | 11 | 20;

/** How the end of a body is known. */
export type BodyFraming =
  /** There is no body. */
  | "none"
  /** Content-Length. */
  | "length"
  /** Chunked coding, or DATA frames without Content-Length. */
  | "chunked"
  /** A response that ends with its connection. */
  | "close";

/** The start line and fields of a request. */
export class RequestHead {
  version: HttpVersion = 11;
  /** Case-sensitive; the well-known ones are interned. */
  method = "";
  /** The target as it was sent, in origin-form (or `*`): an absolute-form target has been split into authority and this. */
  target = "";
  /** Host with its port as it was sent (Host, absolute-form or `:authority`); "" only in HTTP/1.0 requests that have none. */
  authority = "";
  /** `authority` as the parser has read it; null where nobody has yet, or there is none. */
  readAuthority: Authority | null = null;
  framing: BodyFraming = "none";
  /** Bytes of the body where `framing` is "length", else -1. */
  contentLength = -1;
  /** HTTP/1: may the connection carry another request after this one, as far as the client says? */
  keepAlive = true;
  /** HTTP/1.1: the client waits for 100 (Continue) before it sends the body. */
  expectContinue = false;
  /** The one token of `Upgrade` (lower case) if `Connection` names it and the version allows it, else "". */
  upgrade = "";
  /** HTTP/2: an extended CONNECT (RFC 8441), told as the GET with `upgrade` that it stands for. An answer 2xx would mean a switch. */
  connects = false;
  readonly headers: HeaderList = new HeaderList();

  /** Ready for the next message. */
  reset(): void {
    this.version = 11;
    this.method = "";
    this.target = "";
    this.authority = "";
    this.readAuthority = null;
    this.framing = "none";
    this.contentLength = -1;
    this.keepAlive = true;
    this.expectContinue = false;
    this.upgrade = "";
    this.connects = false;
    this.headers.reset();
  }
}

/** The status line and fields of a response, final or interim. */
export class ResponseHead {
  version: HttpVersion = 11;
  status = 0;
  /** As sent; "" where there is none or the protocol has none. */
  reason = "";
  framing: BodyFraming = "none";
  contentLength = -1;
  /** HTTP/1: may the upstream connection be used again after this response, as far as the backend says? */
  keepAlive = true;
  /** 101: the token (lower case) that the backend switched to, else "". */
  upgrade = "";
  /**
   * Bytes of the body came together with the head, and are told as soon as whoever is told of the head returns. A head
   * that is kept for later has to take this back.
   */
  bodyFollows = false;
  readonly headers: HeaderList = new HeaderList();

  reset(): void {
    this.version = 11;
    this.status = 0;
    this.reason = "";
    this.framing = "none";
    this.contentLength = -1;
    this.keepAlive = true;
    this.upgrade = "";
    this.bodyFollows = false;
    this.headers.reset();
  }
}
