import { type Asked, BodyCheck } from "./content.ts";
import type { Tally } from "./tally.ts";

/** The longest head that is expected of an answer. */
const LONGEST_HEAD = 16 * 1024;

type State =
  | { readonly at: "head" }
  | { readonly at: "length"; left: number }
  | { readonly at: "close" }
  | { readonly at: "chunk-size" | "chunk-end" | "trailers" }
  | { readonly at: "chunk"; left: number }
  /** The connection carries something else from here on. */
  | { readonly at: "tunnel" };

/** What may become of a request besides its answer. */
export interface Leniency {
  /** Answers of the proxy's own are in order (502, 503, 504), and a cut. */
  readonly mayFail: boolean;
}

interface Expected extends Leniency {
  readonly asked: Asked;
  readonly upgrade: boolean;
}

/**
 * Reads the answers of one connection byte by byte and compares them with what was asked: their order, who they are
 * for, and every byte of every body.
 */
export class Answers {
  /** Requests whose answers are still to come, in order. */
  readonly expected: Expected[] = [];
  /** The last answer said that the connection ends. */
  closing = false;
  /** Something was wrong; nothing more is read. */
  failed = false;
  /** What came behind a protocol switch. */
  onTunnel: ((bytes: Buffer) => void) | null = null;
  /** 100 has come. */
  onContinue: (() => void) | null = null;
  readonly #tally: Tally;
  #state: State = { at: "head" };
  #text = "";
  #check: BodyCheck | null = null;
  #status = 0;

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  get idle(): boolean {
    return this.expected.length === 0;
  }

  expect(asked: Asked, leniency: Leniency, upgrade = false): void {
    this.expected.push({ asked, upgrade, ...leniency });
  }

  add(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length && !this.failed) at += this.#take(bytes.subarray(at));
  }

  /** The connection has ended. `allowed`: whatever is missing now may be. */
  end(how: string, allowed: boolean): void {
    if (this.failed) return;
    if (this.#state.at === "close" && how === "fin") this.#complete();
    for (const { asked, mayFail } of this.expected.splice(0)) {
      this.#tally.cut++;
      if (!mayFail && !allowed) this.#tally.fail(`${describe(asked)}: cut (${how})`);
    }
  }

  /** Says what is still waited for; for what hangs. */
  describe(): string {
    const [first] = this.expected;
    const waiting = first === undefined ? "nothing" : describe(first.asked);
    const seen = this.#check === null ? "" : `, ${this.#check.seen} bytes of its body came`;
    return `${this.expected.length} answers, the first of ${waiting} at ${this.#state.at}${seen}`;
  }

  #take(bytes: Buffer): number {
    const state = this.#state;
    switch (state.at) {
      case "head":
        return this.#takeText(bytes, "\r\n\r\n", (head) => this.#onHead(head));
      case "length":
      case "chunk": {
        const piece = bytes.subarray(0, state.left);
        this.#takeBody(piece);
        state.left -= piece.length;
        if (state.left === 0) {
          if (state.at === "length") this.#complete();
          else this.#state = { at: "chunk-end" };
        }
        return piece.length;
      }
      case "close":
        this.#takeBody(bytes);
        return bytes.length;
      case "chunk-size":
        return this.#takeText(bytes, "\r\n", (line) => this.#onChunkSize(line));
      case "chunk-end":
        return this.#takeText(bytes, "\r\n", (line) => {
          if (line !== "\r\n") this.#fail("a chunk does not end where it should");
          this.#state = { at: "chunk-size" };
        });
      case "trailers":
        return this.#takeText(bytes, "\r\n", (line) => {
          if (line === "\r\n") this.#complete();
        });
      case "tunnel":
        this.onTunnel?.(bytes);
        return bytes.length;
    }
  }

  /** Takes up to and with `mark`, and hands all of it over. */
  #takeText(bytes: Buffer, mark: string, done: (text: string) => void): number {
    const before = this.#text.length;
    const window = bytes.toString("latin1", 0, LONGEST_HEAD);
    this.#text += window;
    const found = this.#text.indexOf(mark, Math.max(0, before - mark.length + 1));
    if (found < 0) {
      if (this.#text.length > LONGEST_HEAD) this.#fail("a head without end");
      return window.length;
    }
    const end = found + mark.length;
    const text = this.#text.slice(0, end);
    this.#text = "";
    done(text);
    return end - before;
  }

  #onHead(head: string): void {
    const [first] = this.expected;
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1] ?? 0);
    this.#status = status;
    if (status === 503 && head.includes('details="connection_limit"')) {
      this.#tally.refused++;
      this.closing = true;
      for (const _ of this.expected.splice(0)) this.#tally.cut++;
      this.failed = true;
      return;
    }
    if (first === undefined) return this.#fail(`an answer that nobody asked for: ${head}`);
    const { asked, mayFail, upgrade } = first;
    if (status === 100) return this.onContinue?.();
    if (status === 103) {
      if (!head.includes(`</${asked.id}>`)) this.#fail(`hints for somebody else: ${head}`);
      return;
    }
    if (/\r\nconnection: close\r\n/i.test(head)) this.closing = true;
    const codings = /\r\ntransfer-encoding: chunked\r\n/i.test(head);
    const length = /\r\ncontent-length: (\d+)\r\n/i.exec(head)?.[1];
    if (upgrade && status === 101) {
      this.expected.shift();
      this.#tally.answered++;
      this.#state = { at: "tunnel" };
      return;
    }
    const wanted = upgrade ? 101 : statusOf(asked);
    if (status !== wanted) {
      if (!mayFail || status < 502 || status > 504) {
        return this.#fail(`${describe(asked)}: an answer that was not expected: ${head}`);
      }
      this.#check = null;
    } else {
      const id = /\r\nx-id: (\d+)\r\n/i.exec(head)?.[1];
      if (id !== String(asked.id)) this.#fail(`${describe(asked)}: the answer of ${id}: ${head}`);
      if (head.toLowerCase().includes("\r\nx-body: wrong\r\n")) {
        this.#fail(`${describe(asked)}: the backend got another body`);
      }
      this.#check = new BodyCheck(asked.id, asked.manner === "echo" ? asked.sends : asked.size);
    }
    this.#begin(asked, status, codings, length);
  }

  #begin(asked: Asked, status: number, codings: boolean, length: string | undefined): void {
    if (asked.method === "HEAD" || status === 204 || status === 304) {
      this.#check = null;
      this.#complete();
    } else if (codings) {
      this.#state = { at: "chunk-size" };
    } else if (length === undefined) {
      this.#state = { at: "close" };
    } else if (Number(length) === 0) {
      this.#complete();
    } else {
      this.#state = { at: "length", left: Number(length) };
    }
  }

  #takeBody(piece: Uint8Array): void {
    if (this.#check === null) return;
    this.#check.add(piece);
    this.#tally.compared += piece.length;
    if (this.#check.wrong) this.#fail(`${describe(this.expected[0]!.asked)}: wrong bytes`);
  }

  #onChunkSize(line: string): void {
    const size = /^[0-9a-f]+\r\n$/i.test(line) ? Number.parseInt(line, 16) : -1;
    if (size < 0) return this.#fail(`not the size of a chunk: ${JSON.stringify(line)}`);
    this.#state = size === 0 ? { at: "trailers" } : { at: "chunk", left: size };
  }

  #complete(): void {
    const { asked } = this.expected.shift()!;
    this.#state = { at: "head" };
    if (this.#check?.complete === false) {
      this.#fail(`${describe(asked)}: whole, but with ${this.#check.seen} bytes`);
    } else if (asked.manner === "broken" && this.#status === 200) {
      this.#fail(`${describe(asked)}: what broke off was presented as complete`);
    } else {
      this.#tally.answered++;
      this.#tally.count(this.#status >= 500 ? String(this.#status) : asked.manner);
    }
    this.#check = null;
  }

  #fail(what: string): void {
    this.failed = true;
    this.expected.length = 0;
    this.#tally.fail(what);
  }
}

function statusOf({ manner }: Asked): number {
  return manner === "204" || manner === "304" ? Number(manner) : 200;
}

function describe({ id, method, manner, size, sends }: Asked): string {
  return `${id} (${method} ${manner}, ${sends} bytes up, ${size} down)`;
}
