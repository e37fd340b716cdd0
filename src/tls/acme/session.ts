/** What all requests to one issuer share: its directory, its nonces, its pace (RFC 8555 §6, §7.1.1). */

import type { KeyObject } from "node:crypto";

import type { Random } from "#core/random.ts";
import { daysFrom } from "#core/time/calendar.ts";
import type { Scheduler } from "#core/time/scheduler.ts";
import { jwkOf, signJws } from "./jws.ts";
import { AcmeError, readProblem } from "./problem.ts";
import { listMember, member, parseJson, textMember } from "./read.ts";
import type { AcmeAnswer, AcmeFetch, AcmeRequest } from "./request.ts";

/** Where an issuer is asked for what. */
export interface Directory {
  readonly newNonce: string;
  readonly newAccount: string;
  readonly newOrder: string;
  readonly revokeCert: string;
  readonly keyChange: string;
  /** Null: it does not say when to renew. */
  readonly renewalInfo: string | null;
  /** Names of the profiles that it offers, with what they mean; null: it has none. */
  readonly profiles: Readonly<Record<string, string>> | null;
  readonly termsOfService: string | null;
  readonly externalAccountRequired: boolean;
  /** Domains that CAA records may name. */
  readonly caa: readonly string[];
}

/** Who signs: an account, or a key that has none yet (url null). */
export interface Signer {
  readonly key: KeyObject;
  readonly url: string | null;
}

/** How a session is made. */
export interface SessionOptions {
  /** URL. */
  readonly directory: string;
  readonly fetch: AcmeFetch;
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** Epoch milliseconds. */
  readonly wall: () => number;
  /** Ends all waiting. */
  readonly signal: AbortSignal;
}

/** How often a request is sent again because its nonce was refused. */
const NONCE_TRIES = 30;
/** Most nonces that are kept; they grow old. */
const NONCES_KEPT = 8;
/** How often an issuer that is busy is asked again, and for how long it may say to wait, milliseconds. */
const BUSY_TRIES = 3;
const BUSY_LONGEST = 60_000;
/** How long a directory is believed, milliseconds. */
const DIRECTORY_AGE = 3_600_000;

/** See the head of this file. */
export class AcmeSession {
  readonly #options: SessionOptions;
  #directory: { readonly value: Directory; readonly at: number } | null = null;
  #nonces: string[] = [];

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** The issuer's directory. @throws AcmeError */
  async directory(): Promise<Directory> {
    const { scheduler, directory: url } = this.#options;
    if (this.#directory !== null && scheduler.now() - this.#directory.at < DIRECTORY_AGE) {
      return this.#directory.value;
    }
    const answer = await this.#send({ method: "GET", url, accept: "application/json" });
    const value = readDirectory(parseJson(answer.body));
    if (answer.status !== 200 || value === null) {
      throw new AcmeError({
        reason: answer.status >= 500 ? "issuer" : "network",
        detail: `${url} is no directory of ACME (status ${answer.status})`,
        retryAfter: this.retryAfter(answer),
      });
    }
    this.#directory = { value, at: scheduler.now() };
    return value;
  }

  /** An unsigned request. @throws AcmeError unless the answer is a good one */
  async get(url: string): Promise<AcmeAnswer> {
    const answer = await this.#send({ method: "GET", url, accept: "application/json" });
    if (answer.status >= 400) throw this.#problem(answer);
    return answer;
  }

  /** A signed request. `payload` null: POST-as-GET. @throws AcmeError unless the answer is a good one */
  async post(url: string, payload: unknown, signer: Signer, accept?: string): Promise<AcmeAnswer> {
    let busy = 0;
    for (let tries = 0; ; tries++) {
      const nonce = await this.#nonce();
      const who = signer.url === null ? { jwk: jwkOf(signer.key) } : { kid: signer.url };
      const answer = await this.#send({
        method: "POST",
        url,
        body: JSON.stringify(signJws({ ...who, nonce, url }, payload, signer.key)),
        ...(accept === undefined ? {} : { accept }),
      });
      if (answer.status < 400) return answer;
      const problem = this.#problem(answer);
      if (problem.type === "badNonce" && tries < NONCE_TRIES) {
        // Those that were kept are as old as the one that was refused; the answer has brought a new one.
        this.#nonces = this.#nonces.slice(-1);
        continue;
      }
      const isBusy = answer.status === 503 && (problem.retryAfter ?? Infinity) <= BUSY_LONGEST;
      if (!isBusy || busy >= BUSY_TRIES) throw problem;
      busy++;
      await this.sleep(problem.retryAfter ?? 0);
    }
  }

  /** Waits a little longer than `ms`, each time another while. Rejects when all ends. */
  sleep(ms: number): Promise<void> {
    const { scheduler, random, signal } = this.#options;
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        cancel();
        reject(stopped());
      };
      const cancel = scheduler.after(ms * (1 + random.next() * 0.1), () => {
        signal.removeEventListener("abort", stop);
        resolve();
      });
      if (signal.aborted) stop();
      else signal.addEventListener("abort", stop, { once: true });
    });
  }

  /** How long an answer says to wait, milliseconds: a number of seconds, or a date (RFC 9110 §10.2.3). */
  retryAfter({ headers }: AcmeAnswer): number | null {
    const text = headers["retry-after"]?.trim() ?? "";
    if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
    const date = dateOf(text);
    return date === null ? null : Math.max(0, date - this.#options.wall());
  }

  async #nonce(): Promise<string> {
    const kept = this.#nonces.pop();
    if (kept !== undefined) return kept;
    const { newNonce } = await this.directory();
    const answer = await this.#send({ method: "HEAD", url: newNonce });
    const nonce = this.#nonces.pop();
    if (nonce !== undefined) return nonce;
    throw new AcmeError({
      reason: "issuer",
      detail: `it gave no nonce (status ${answer.status})`,
      retryAfter: this.retryAfter(answer),
    });
  }

  async #send(request: AcmeRequest): Promise<AcmeAnswer> {
    if (this.#options.signal.aborted) throw stopped();
    const answer = await this.#options.fetch(request);
    const nonce = answer.headers["replay-nonce"];
    if (nonce !== undefined && /^[A-Za-z0-9_-]+$/.test(nonce)) {
      this.#nonces.push(nonce);
      if (this.#nonces.length > NONCES_KEPT) this.#nonces.shift();
    }
    return answer;
  }

  #problem(answer: AcmeAnswer): AcmeError {
    return readProblem(parseJson(answer.body), answer.status, this.retryAfter(answer));
  }
}

/** What ends everything that waits when the process stops. */
function stopped(): AcmeError {
  return new AcmeError({ reason: "timeout", detail: "the process stops" });
}

function readDirectory(value: unknown): Directory | null {
  const url = (name: string): string => textMember(value, name) ?? "";
  const meta = member(value, "meta");
  const profiles = member(meta, "profiles");
  const directory: Directory = {
    newNonce: url("newNonce"),
    newAccount: url("newAccount"),
    newOrder: url("newOrder"),
    revokeCert: url("revokeCert"),
    keyChange: url("keyChange"),
    renewalInfo: textMember(value, "renewalInfo"),
    profiles:
      typeof profiles === "object" && profiles !== null
        ? Object.fromEntries(Object.entries(profiles).map(([name, what]) => [name, String(what)]))
        : null,
    termsOfService: textMember(meta, "termsOfService"),
    externalAccountRequired: member(meta, "externalAccountRequired") === true,
    caa: listMember(meta, "caaIdentities").filter((one) => typeof one === "string"),
  };
  const { newNonce, newAccount, newOrder } = directory;
  return [newNonce, newAccount, newOrder].every((one) => URL.canParse(one)) ? directory : null;
}

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** A date of HTTP (RFC 9110 §5.6.7, IMF-fixdate), as epoch milliseconds. */
function dateOf(text: string): number | null {
  const match = /^\w{3}, (\d\d) (\w{3}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT$/.exec(text);
  if (match === null) return null;
  const month = MONTHS.indexOf(match[2] ?? "") + 1;
  const [day = 0, year = 0, hour = 0, minute = 0, second = 0] = [1, 3, 4, 5, 6].map((at) =>
    Number(match[at]),
  );
  if (month === 0) return null;
  return ((daysFrom(year, month, day) * 24 + hour) * 60 + minute) * 60_000 + second * 1000;
}
