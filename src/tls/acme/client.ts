/** What can be asked of an issuer: accounts, orders, certificates (RFC 8555 §7), and when to renew (RFC 9773). */

import type { KeyObject } from "node:crypto";

import type { AcmeChallengeType } from "#model/tls.ts";
import { type RenewalWindow, readWindow } from "./ari.ts";
import { base64url, bindAccount, jwkOf, signJws } from "./jws.ts";
import { AcmeError, readProblem } from "./problem.ts";
import { listMember, member, parseJson, textMember } from "./read.ts";
import type { AcmeAnswer } from "./request.ts";
import { AcmeSession, type Directory, type SessionOptions } from "./session.ts";

/** An account with an issuer. */
export interface Account {
  readonly key: KeyObject;
  readonly url: string;
}

/** A request for a certificate. */
export interface Order {
  readonly url: string;
  readonly status: "pending" | "ready" | "processing" | "valid" | "invalid";
  readonly authorizations: readonly string[];
  readonly finalize: string;
  /** Where the certificate is; null until there is one. */
  readonly certificate: string | null;
  readonly error: AcmeError | null;
  /** When to look again, milliseconds. */
  readonly retryAfter: number | null;
}

/** What an issuer wants to have proved. */
export interface Authorization {
  readonly status: "pending" | "valid" | "invalid" | "deactivated" | "expired" | "revoked";
  readonly name: string;
  readonly challenges: readonly OfferedChallenge[];
  readonly retryAfter: number | null;
}

/** One way to prove it. */
export interface OfferedChallenge {
  readonly type: string;
  readonly url: string;
  readonly token: string;
  readonly status: string;
  readonly error: AcmeError | null;
}

/** How long the issuer is waited for: until an authorization is decided, until a certificate is made, milliseconds. */
const PATIENCE = 180_000;
/** Shortest and longest wait between two looks. */
const LOOK = { least: 500, most: 15_000 };
/** Bounds on what an issuer may say about when to ask again for a window (RFC 9773 §4.3.2). */
const WINDOW_AGE = { least: 60_000, most: 86_400_000, usual: 21_600_000 };

/** See the head of this file. All reject with an AcmeError. */
export class AcmeClient {
  readonly #session: AcmeSession;
  readonly #options: SessionOptions;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#session = new AcmeSession(options);
  }

  directory(): Promise<Directory> {
    return this.#session.directory();
  }

  /**
   * Makes an account, or finds the one that the key has (RFC 8555 §7.3.1). Agrees to the terms of service.
   * @param eab what binds it to an account that the issuer knows otherwise
   */
  async newAccount(
    key: KeyObject,
    contact: readonly string[],
    eab: { readonly kid: string; readonly secret: string } | null,
  ): Promise<Account> {
    const { newAccount, externalAccountRequired } = await this.directory();
    if (externalAccountRequired && eab === null) {
      throw new AcmeError({ type: "externalAccountRequired", detail: "" });
    }
    const payload = {
      termsOfServiceAgreed: true,
      contact,
      ...(eab === null ? {} : { externalAccountBinding: bindAccount(eab, newAccount, key) }),
    };
    const answer = await this.#session.post(newAccount, payload, { key, url: null });
    return { key, url: locationOf(answer) };
  }

  /** The account that a key has. @throws AcmeError `accountDoesNotExist` */
  async findAccount(key: KeyObject): Promise<Account> {
    const { newAccount } = await this.directory();
    const payload = { onlyReturnExisting: true };
    const answer = await this.#session.post(newAccount, payload, { key, url: null });
    return { key, url: locationOf(answer) };
  }

  /** Other ways to reach its owner. */
  async setContact(account: Account, contact: readonly string[]): Promise<void> {
    await this.#session.post(account.url, { contact }, account);
  }

  /** The account signs with another key from now on (RFC 8555 §7.3.5). */
  async rollOver(account: Account, next: KeyObject): Promise<Account> {
    const { keyChange } = await this.directory();
    const inner = signJws(
      { jwk: jwkOf(next), url: keyChange },
      { account: account.url, oldKey: jwkOf(account.key) },
      next,
    );
    await this.#session.post(keyChange, inner, account);
    return { key: next, url: account.url };
  }

  /** The account is of no use any more (RFC 8555 §7.3.6). */
  async deactivateAccount(account: Account): Promise<void> {
    await this.#session.post(account.url, { status: "deactivated" }, account);
  }

  /**
   * Asks for a certificate.
   * @param profile one of those that the directory names
   * @param replaces {@link renewalId} of the certificate that it takes the place of
   */
  async newOrder(
    account: Account,
    names: readonly string[],
    more: { readonly profile: string | null; readonly replaces: string | null },
  ): Promise<Order> {
    const { newOrder, renewalInfo, profiles } = await this.directory();
    const { profile, replaces } = more;
    if (profile !== null && profiles !== null && !Object.hasOwn(profiles, profile)) {
      const known = Object.keys(profiles).join(", ");
      throw new AcmeError({ type: "invalidProfile", detail: `\`${profile}\`; it has ${known}` });
    }
    const payload = {
      identifiers: names.map((value) => ({ type: "dns", value })),
      ...(profile === null || profiles === null ? {} : { profile }),
      ...(replaces === null || renewalInfo === null ? {} : { replaces }),
    };
    try {
      const answer = await this.#session.post(newOrder, payload, account);
      return this.#readOrder(locationOf(answer), answer);
    } catch (error) {
      // Another order has replaced it already, or the issuer does not know it (RFC 9773 §5).
      if (!(error instanceof AcmeError) || !("replaces" in payload)) throw error;
      if (error.type !== "alreadyReplaced" && error.type !== "malformed" && error.status !== 404) {
        throw error;
      }
      return await this.newOrder(account, names, { profile, replaces: null });
    }
  }

  async order(account: Account, url: string): Promise<Order> {
    return this.#readOrder(url, await this.#session.post(url, null, account));
  }

  async authorization(account: Account, url: string): Promise<Authorization> {
    const answer = await this.#session.post(url, null, account);
    return { ...readAuthorization(answer), retryAfter: this.#session.retryAfter(answer) };
  }

  /** Gives up an authorization, so that it does not count as an open one. */
  async deactivateAuthorization(account: Account, url: string): Promise<void> {
    await this.#session.post(url, { status: "deactivated" }, account);
  }

  /** The answer to a challenge is in its place: the issuer may look. Resolves when it has; rejects with what it found. */
  async verify(
    account: Account,
    authorization: string,
    challenge: OfferedChallenge,
  ): Promise<void> {
    await this.#session.post(challenge.url, {}, account);
    const decided = await this.#until(
      () => this.authorization(account, authorization),
      ({ status }) => status !== "pending",
    );
    if (decided.status === "valid") return;
    const own = decided.challenges.find(({ url }) => url === challenge.url);
    const error = own?.error ?? new AcmeError({ detail: `the authorization is ${decided.status}` });
    error.challenge = challenge.type as AcmeChallengeType;
    throw error;
  }

  /** Sends what the certificate is to be made of. @returns the order when the certificate is there */
  async finalize(account: Account, order: Order, request: Uint8Array): Promise<Order> {
    if (order.status === "ready") {
      await this.#session.post(order.finalize, { csr: base64url(request) }, account);
    }
    const done = await this.settled(account, order.url, ["ready", "processing"]);
    if (done.status === "valid" && done.certificate !== null) return done;
    throw done.error ?? new AcmeError({ detail: `the order is ${done.status}` });
  }

  /** The order, when it is in none of these states any more. */
  settled(account: Account, url: string, states: readonly Order["status"][]): Promise<Order> {
    return this.#until(
      () => this.order(account, url),
      ({ status }) => !states.includes(status),
    );
  }

  /** A certificate with its issuers (PEM), and where there are the same with other issuers. */
  async certificate(
    account: Account,
    url: string,
  ): Promise<{ readonly chain: string; readonly alternates: readonly string[] }> {
    const accept = "application/pem-certificate-chain";
    const answer = await this.#session.post(url, null, account, accept);
    const alternates = Array.from(
      (answer.headers["link"] ?? "").matchAll(/<([^>]+)>\s*;[^,]*rel="?alternate"?/g),
      ([, link = ""]) => link,
    );
    return { chain: answer.body, alternates };
  }

  /** Takes a certificate (DER) back. `reason`: of RFC 5280 §5.3.1, 0 unspecified, 1 key compromise, 4 superseded. */
  async revoke(account: Account, certificate: Uint8Array, reason: number): Promise<void> {
    const { revokeCert } = await this.directory();
    const payload = { certificate: base64url(certificate), reason };
    await this.#session.post(revokeCert, payload, account).catch((error: unknown) => {
      if (!(error instanceof AcmeError) || error.type !== "alreadyRevoked") throw error;
    });
  }

  /**
   * When the issuer wants a certificate to be renewed; null: it does not say.
   * @param id {@link renewalId}
   */
  async renewal(
    id: string,
  ): Promise<{ readonly window: RenewalWindow | null; readonly again: number } | null> {
    const { renewalInfo } = await this.directory();
    if (renewalInfo === null) return null;
    const answer = await this.#session.get(`${renewalInfo.replace(/\/$/, "")}/${id}`);
    const asked = this.#session.retryAfter(answer) ?? WINDOW_AGE.usual;
    const again = Math.min(Math.max(asked, WINDOW_AGE.least), WINDOW_AGE.most);
    return { window: readWindow(parseJson(answer.body)), again };
  }

  /** Looks until it holds, at the issuer's pace. */
  async #until<T extends { readonly retryAfter: number | null }>(
    look: () => Promise<T>,
    holds: (value: T) => boolean,
  ): Promise<T> {
    const { scheduler } = this.#options;
    const deadline = scheduler.now() + PATIENCE;
    for (let wait = LOOK.least; ; wait = Math.min(wait * 1.5, LOOK.most)) {
      const value = await look();
      if (holds(value)) return value;
      if (scheduler.now() >= deadline) {
        throw new AcmeError({ reason: "timeout", detail: "it has not decided for three minutes" });
      }
      const asked = Math.max(value.retryAfter ?? wait, LOOK.least);
      await this.#session.sleep(Math.min(asked, LOOK.most));
    }
  }

  #readOrder(url: string, answer: AcmeAnswer): Order {
    const value = parseJson(answer.body);
    const status = textMember(value, "status") ?? "";
    if (!isOrderStatus(status)) {
      throw new AcmeError({ reason: "issuer", detail: "it sent an order that makes no sense" });
    }
    const error = member(value, "error");
    return {
      url,
      status,
      authorizations: listMember(value, "authorizations").filter((one) => typeof one === "string"),
      finalize: textMember(value, "finalize") ?? "",
      certificate: textMember(value, "certificate"),
      error: error === undefined ? null : readProblem(error, 403),
      retryAfter: this.#session.retryAfter(answer),
    };
  }
}

function isOrderStatus(text: string): text is Order["status"] {
  return ["pending", "ready", "processing", "valid", "invalid"].includes(text);
}

function readAuthorization({ body }: AcmeAnswer): Omit<Authorization, "retryAfter"> {
  const value = parseJson(body);
  return {
    status: (textMember(value, "status") ?? "invalid") as Authorization["status"],
    name: textMember(member(value, "identifier"), "value") ?? "",
    challenges: listMember(value, "challenges").map((one): OfferedChallenge => {
      const error = member(one, "error");
      return {
        type: textMember(one, "type") ?? "",
        url: textMember(one, "url") ?? "",
        token: textMember(one, "token") ?? "",
        status: textMember(one, "status") ?? "",
        error: error === undefined ? null : readProblem(error, 403),
      };
    }),
  };
}

function locationOf({ headers }: AcmeAnswer): string {
  const url = headers["location"];
  if (url !== undefined && URL.canParse(url)) return url;
  throw new AcmeError({ reason: "issuer", detail: "it did not say where what it made is" });
}
