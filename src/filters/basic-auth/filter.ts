import { Buffer } from "node:buffer";
import { argon2, createHmac, scrypt, timingSafeEqual } from "node:crypto";
import {
  CONTINUE,
  type FilterKind,
  KeyHash,
  RateTable,
  type Verdict,
  linkKey,
  refuse,
} from "#sdk/index.ts";
import type { BasicAuthOptions, PasswordHash } from "./config.ts";

/** How long a password that was right is not derived again, in milliseconds, and for how many clients. */
const REMEMBERED = 300_000;
const MOST_REMEMBERED = 1000;

/** Derivations of one worker that may be under way: each takes a thread and much memory. */
const MOST_PENDING = 8;

/** Who fails waits so long for the answer, in milliseconds. */
const DELAY = 1000;

/** Failures of a client (IPv6 by its first 64 bits) that are looked at: as the schema reserves memory for. */
const FAILURES = { count: 10, period: 60_000, burst: 10 };
const FAILURE_KEYS = 16_384;

const UNKNOWN = refuse("unauthorized");
const TOO_MANY_FAILURES = refuse("rate_limited", "too many wrong passwords");
const TOO_MANY_PENDING = refuse("auth_unavailable", "too many passwords are being checked");

/** What there is to say in the answer. */
interface State {
  challenge: boolean;
  /** Seconds; 0: nothing. */
  retryAfter: number;
}

interface Credentials {
  readonly name: string;
  readonly password: string;
}

/** Asks for a name and a password. */
export const basicAuth: FilterKind<BasicAuthOptions, State> = {
  name: "basicAuth",
  stability: "stable",
  securityPosture: "untrusted-both",
  pure: false,
  create({ users, realm, userHeader, passCredentials }, { memory, now, after }) {
    const { buffer, offset, seed } = memory!;
    const failures = new RateTable(buffer, offset, FAILURE_KEYS, FAILURES);
    const keyOf = linkKey([{ kind: "client-ip" }], new KeyHash(seed));
    const known = new Map(users);
    // Somebody who is not there takes as long as somebody who is.
    const nobody = users[0]?.[1] ?? null;
    const remembered = new Remembered(seed);
    const challenge = `Basic realm="${realm}", charset="UTF-8"`;
    let pending = 0;

    /** Is it right? Derived by a thread of the pool; the worker goes on meanwhile. */
    const check = async ({ name, password }: Credentials): Promise<boolean> => {
      const stored = known.get(name);
      const against = stored ?? nobody;
      if (against === null) return false;
      const isEqual = await verify(against, password);
      return isEqual && stored !== undefined;
    };

    return {
      start: () => ({ challenge: false, retryAfter: 0 }),
      onRequestHead(context): Verdict | Promise<Verdict> {
        const { request, state } = context;
        const credentials = credentialsOf(request.headers.getAll("authorization"));
        if (userHeader !== "") request.own(userHeader, []);
        const pass = (name: string): Verdict => {
          // Names beyond latin1 go as UTF-8, as they came.
          if (userHeader !== "") request.own(userHeader, [Buffer.from(name).toString("latin1")]);
          if (!passCredentials) request.own("Authorization", []);
          return CONTINUE;
        };
        if (credentials === null) {
          state.challenge = true;
          return UNKNOWN;
        }
        const mark = remembered.markOf(credentials);
        if (remembered.has(mark, now())) return pass(credentials.name);
        const before = failures.peek(keyOf(context), now());
        if (!before.allowed) {
          state.retryAfter = Math.ceil(before.retryAfter / 1000);
          return TOO_MANY_FAILURES;
        }
        if (pending >= MOST_PENDING) return TOO_MANY_PENDING;
        pending++;
        return check(credentials)
          .finally(() => pending--)
          .then((isRight) => {
            if (isRight) {
              remembered.add(mark, now());
              return pass(credentials.name);
            }
            failures.take(keyOf(context), now());
            state.challenge = true;
            return new Promise<Verdict>((resolve) => after(DELAY, () => resolve(UNKNOWN)));
          });
      },
      onResponseHead({ state, response }) {
        if (state.challenge) response.headers.set("WWW-Authenticate", challenge);
        if (state.retryAfter > 0) response.headers.set("Retry-After", String(state.retryAfter));
        return CONTINUE;
      },
    };
  },
  summary: ({ users, realm }) => `${users.length} users, realm ${realm}`,
};

/** Name and password (RFC 7617 section 2); null if there are none, or they are sent twice or in another way. */
function credentialsOf(fields: readonly string[]): Credentials | null {
  const [field = "", ...others] = fields;
  const [, token] = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(field) ?? [];
  if (token === undefined || others.length > 0) return null;
  const text = Buffer.from(token, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 0 || /[\u0000-\u001f\u007f]/.test(text)) return null;
  return { name: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** Credentials that were right a short while ago, known by a keyed hash alone. */
class Remembered {
  readonly #key: Uint8Array;
  /** When each is forgotten. */
  readonly #until: Map<string, number> = new Map();

  constructor(seed: Uint32Array) {
    this.#key = new Uint8Array(seed.length * 4);
    this.#key.set(new Uint8Array(seed.buffer, seed.byteOffset, seed.byteLength));
  }

  markOf({ name, password }: Credentials): string {
    return createHmac("sha256", this.#key).update(`${name}:${password}`).digest("base64");
  }

  has(mark: string, now: number): boolean {
    return (this.#until.get(mark) ?? -Infinity) > now;
  }

  add(mark: string, now: number): void {
    this.#until.delete(mark);
    const [oldest] = this.#until.keys();
    if (oldest !== undefined && this.#until.size >= MOST_REMEMBERED) this.#until.delete(oldest);
    this.#until.set(mark, now + REMEMBERED);
  }
}

/** Does the password give the hash? Takes the same time wherever they differ. */
async function verify(stored: PasswordHash, password: string): Promise<boolean> {
  const expected = Buffer.from(stored.hash, "base64");
  const derived = await derive(stored, password, expected.length);
  return timingSafeEqual(derived, expected);
}

function derive(stored: PasswordHash, password: string, length: number): Promise<Buffer> {
  const salt = Buffer.from(stored.salt, "base64");
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, key: Buffer): void => (error ? reject(error) : resolve(key));
    if (stored.kind === "scrypt") {
      const { ln, r, p } = stored;
      const N = 2 ** ln;
      scrypt(password, salt, length, { N, r, p, maxmem: 256 * N * r }, done);
      return;
    }
    const { kind, memory, passes, lanes: parallelism } = stored;
    const cost = { nonce: salt, parallelism, tagLength: length, memory, passes };
    argon2(kind, { message: password, ...cost }, done);
  });
}
