/** Clients that know what they must get, and leave now and then. */

import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import { Xorshift } from "#core/random.ts";
import { Answers } from "./answers.ts";
import { type Asked, bodyOf, LONGEST_BODY, type Manner, pathOf } from "./content.ts";
import type { Tally } from "./tally.ts";

/** How clients behave. */
export interface ClientOptions {
  readonly port: number;
  readonly seed: number;
  readonly tally: Tally;
  /** Share of connections that are left in the middle of something. */
  readonly leaving: number;
  /** Share of requests whose backend breaks off. */
  readonly breaking: number;
  /** Whether connections may be cut now, since a worker was ended. */
  readonly mayBeCut: () => boolean;
  /** Whether to go on. */
  readonly goesOn: () => boolean;
}

/** Without a byte for so long, a connection counts as hanging; in milliseconds. */
const HANGS_AFTER = 45_000;
/** Requests on one connection at the most. */
const MOST_ROUNDS = 40;
const CR_LF = "\r\n";

const PLAIN: readonly Manner[] = ["length", "length", "chunked", "close", "hints", "slow"];

let numbers = 0;

/** Runs `count` clients side by side until they are told to stop; each has one connection at a time. */
export async function runClients(count: number, options: ClientOptions): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const random = new Xorshift(options.seed * 1000 + index);
      while (options.goesOn()) await new Client(options, random).run();
    }),
  );
}

/** One connection. */
class Client {
  readonly #options: ClientOptions;
  readonly #random: Xorshift;
  readonly #answers: Answers;
  readonly #socket: Socket;
  #ending: string | null = null;
  #wake: (() => void) | null = null;
  /** It was us who left. */
  #leaves = false;

  constructor(options: ClientOptions, random: Xorshift) {
    this.#options = options;
    this.#random = random;
    this.#answers = new Answers(options.tally);
    this.#socket = connect({
      port: options.port,
      host: "127.0.0.1",
      localAddress: `127.0.0.${2 + random.int(200)}`,
      noDelay: true,
      allowHalfOpen: true,
    });
    this.#socket.on("data", (bytes) => {
      this.#answers.add(bytes);
      this.#stir();
    });
    const end = (how: string): void => {
      if (this.#ending !== null) return;
      this.#ending = how;
      this.#answers.end(how, this.#leaves || options.mayBeCut());
      this.#stir();
    };
    this.#socket.on("end", () => end("fin"));
    this.#socket.on("error", (error) => end((error as NodeJS.ErrnoException).code ?? "error"));
    this.#socket.on("close", () => end("close"));
  }

  async run(): Promise<void> {
    const rounds = 1 + this.#random.int(MOST_ROUNDS);
    for (let round = 0; round < rounds && this.#usable && this.#options.goesOn(); round++) {
      if (this.#random.next() < this.#options.leaving / 10) {
        await this.#leave();
        break;
      }
      await this.#round();
    }
    await this.#close();
  }

  get #usable(): boolean {
    return this.#ending === null && !this.#answers.closing && !this.#answers.failed;
  }

  async #round(): Promise<void> {
    const chance = this.#random.next();
    if (chance < this.#options.breaking) return this.#ask(this.#choose("broken", "GET"), true);
    if (chance < 0.1) return this.#pipeline();
    if (chance < 0.13) return this.#upgrade();
    if (chance < 0.2) return this.#ask(this.#choose(this.#pick(PLAIN), "HEAD"));
    if (chance < 0.25) return this.#ask(this.#choose(this.#pick(["204", "304"]), "GET"));
    if (chance < 0.45) return this.#post();
    return this.#ask(this.#choose(this.#pick(PLAIN), "GET"));
  }

  #pick<T>(values: readonly T[]): T {
    return values[this.#random.int(values.length)]!;
  }

  #choose(manner: Manner, method: Asked["method"]): Asked {
    const size = manner === "204" || manner === "304" ? 0 : this.#size();
    const sends = method === "POST" ? this.#size() : 0;
    // An echo has the body that was sent.
    return { id: ++numbers, manner, method, size: manner === "slow" ? size % 16_384 : size, sends };
  }

  /** Mostly small, now and then large. */
  #size(): number {
    const chance = this.#random.next();
    if (chance < 0.1) return 0;
    if (chance < 0.7) return this.#random.int(4096);
    return this.#random.int(chance < 0.95 ? 65_536 : LONGEST_BODY);
  }

  #expect(asked: Asked, upgrade = false): void {
    this.#options.tally.sent++;
    this.#answers.expect(asked, { mayFail: asked.manner === "broken" }, upgrade);
  }

  async #ask(asked: Asked, alone = false): Promise<void> {
    this.#expect(asked);
    this.#socket.write(headOf(asked));
    await this.#answered();
    // A backend that broke may have been told of by a cut.
    if (alone && this.#ending !== null) this.#options.tally.count("broken and cut");
  }

  async #pipeline(): Promise<void> {
    const count = 2 + this.#random.int(9);
    let text = "";
    for (let i = 0; i < count; i++) {
      const method = this.#pick(["GET", "HEAD"] as const);
      const asked = this.#choose(this.#pick(["length", "chunked", "204", "304", "hints"]), method);
      this.#expect(asked);
      text += headOf(asked);
    }
    this.#options.tally.count("pipelines");
    // Sometimes in two pieces, anywhere.
    const middle = this.#random.int(text.length);
    this.#socket.write(text.slice(0, middle), "latin1");
    if (this.#random.int(2) === 0) await sleep(1);
    this.#socket.write(text.slice(middle), "latin1");
    await this.#answered();
  }

  async #post(): Promise<void> {
    const asked = this.#choose(this.#pick([...PLAIN, "echo", "echo"]), "POST");
    const chunked = this.#random.int(2) === 0;
    const waits = this.#random.int(8) === 0;
    this.#expect(asked);
    const framing = chunked ? "Transfer-Encoding: chunked" : `Content-Length: ${asked.sends}`;
    const fields = waits && asked.manner !== "echo" ? [framing, "Expect: 100-continue"] : [framing];
    this.#socket.write(headOf(asked, fields));
    if (fields.length > 1) {
      let told = false;
      this.#answers.onContinue = () => (told = true);
      await this.#until(() => told || this.#answers.idle);
    }
    const body = bodyOf(asked.id, asked.sends);
    for (let at = 0; at < body.length && this.#ending === null;) {
      const piece = body.subarray(at, at + 1 + this.#random.int(60_000));
      at += piece.length;
      if (chunked) this.#socket.write(piece.length.toString(16) + CR_LF);
      let more = this.#socket.write(piece);
      if (chunked) more = this.#socket.write(CR_LF);
      if (!more) await this.#until(() => this.#socket.writableLength === 0);
    }
    if (chunked) this.#socket.write(`0${CR_LF}${CR_LF}`);
    await this.#answered();
  }

  /** A tunnel that echoes; the last on its connection. */
  async #upgrade(): Promise<void> {
    const asked = this.#choose("length", "GET");
    this.#expect(asked, true);
    const fields = ["Connection: Upgrade", "Upgrade: echo"];
    this.#socket.write(headOf(asked, fields));
    await this.#answered();
    if (this.#ending !== null || this.#answers.failed) return;
    const total = 1 + this.#random.int(200_000);
    const sent = bodyOf(asked.id, total);
    let back = 0;
    this.#answers.onTunnel = (bytes) => {
      if (!sent.subarray(back, back + bytes.length).equals(bytes)) {
        this.#answers.failed = true;
        this.#options.tally.fail(`tunnel ${asked.id}: wrong bytes`);
      }
      back += bytes.length;
    };
    this.#socket.write(sent);
    const whole = (): boolean => back >= total || this.#answers.failed;
    await this.#until(whole);
    if (whole()) this.#options.tally.tunnels++;
    else if (!this.#options.mayBeCut()) {
      this.#options.tally.fail(`tunnel ${asked.id}: cut after ${back} of ${total}`);
    }
    this.#answers.closing = true;
    if (this.#random.int(3) === 0) this.#socket.resetAndDestroy();
  }

  /** Leaves somewhere in the middle. */
  async #leave(): Promise<void> {
    this.#leaves = true;
    const { tally } = this.#options;
    const method = this.#pick(["GET", "POST"] as const);
    const asked = this.#choose(this.#pick(["length", "chunked", "slow", "echo"]), method);
    const head = headOf(asked, method === "POST" ? [`Content-Length: ${asked.sends}`] : []);
    const whole = Buffer.concat([Buffer.from(head), bodyOf(asked.id, asked.sends)]);
    // Half of them say everything and do not wait for all of the answer.
    const says = this.#random.int(2) === 0 ? whole.length : this.#random.int(whole.length);
    tally.left++;
    this.#answers.expect(asked, { mayFail: true });
    const before = tally.answered;
    this.#socket.write(whole.subarray(0, says));
    await sleep(this.#random.int(3) * this.#random.int(20));
    if (tally.answered > before) tally.count("answered before it was left");
    const way = this.#random.int(3);
    tally.count(["reset", "closed", "half-closed"][way]!);
    if (way === 0) this.#socket.resetAndDestroy();
    else if (way === 1) this.#socket.destroy();
    else this.#socket.end();
    this.#answers.closing = true;
  }

  #answered(): Promise<void> {
    return this.#until(() => this.#answers.idle || this.#answers.failed);
  }

  async #close(): Promise<void> {
    const { tally, mayBeCut } = this.#options;
    if (this.#answers.failed) this.#socket.destroy();
    if (!this.#socket.destroyed) {
      this.#socket.end();
      await this.#until(() => false);
    }
    this.#socket.destroy();
    if (this.#ending !== null && this.#ending !== "fin" && !this.#leaves && !mayBeCut()) {
      tally.count(`ended by ${this.#ending}`);
    }
    if (!this.#socket.closed) await new Promise((resolve) => this.#socket.once("close", resolve));
  }

  /** Until it holds or the connection has ended. What does not move is a failure. */
  async #until(holds: () => boolean): Promise<void> {
    while (!holds() && this.#ending === null) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(() => {
        this.#options.tally.fail(`hangs: ${this.#answers.describe()}`);
        this.#socket.destroy();
        resolve();
      }, HANGS_AFTER);
      this.#wake = resolve;
      this.#socket.once("drain", resolve);
      await promise;
      this.#socket.off("drain", resolve);
      clearTimeout(timer);
    }
  }

  #stir(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}

function headOf(asked: Asked, fields: readonly string[] = []): string {
  const lines = [`${asked.method} ${pathOf(asked)} HTTP/1.1`, "Host: soak.example", ...fields];
  return `${lines.join(CR_LF)}${CR_LF}${CR_LF}`;
}
