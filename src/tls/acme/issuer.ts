/** One certificate authority with the account that this data folder has there. */

import type { Random } from "#core/random.ts";
import type { Scheduler } from "#core/time/scheduler.ts";
import type { AcmeIssuerData } from "#model/tls.ts";
import { type Account, AcmeClient } from "./client.ts";
import type { AcmeFolder } from "./folder.ts";
import { newKey } from "./jws.ts";
import { AcmeError, type ProblemContext } from "./problem.ts";
import type { AcmeFetch } from "./request.ts";

/** What an issuer is made with. */
export interface IssuerOptions {
  readonly data: AcmeIssuerData;
  readonly email: string | null;
  readonly folder: AcmeFolder;
  readonly fetch: AcmeFetch;
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** Epoch milliseconds. */
  readonly wall: () => number;
  readonly signal: AbortSignal;
}

/** How long another process is waited for that is making the account, milliseconds. */
const PATIENCE = 60_000;

/** See the head of this file. */
export class Issuer {
  readonly data: AcmeIssuerData;
  readonly client: AcmeClient;
  /** Monotonic time before which nothing is ordered, because it has refused too many. */
  pausedUntil: number = -Infinity;
  readonly #options: IssuerOptions;
  #account: Promise<Account> | null = null;

  constructor(options: IssuerOptions) {
    const { data, fetch, scheduler, random, wall, signal } = options;
    this.data = data;
    this.#options = options;
    this.client = new AcmeClient({
      directory: data.directory,
      fetch,
      scheduler,
      random,
      wall,
      signal,
    });
  }

  /** The account, which is made if there is none. @throws AcmeError */
  account(): Promise<Account> {
    this.#account ??= this.#open().catch((error: unknown) => {
      this.#account = null;
      throw error;
    });
    return this.#account;
  }

  /** The issuer does not know it any more: the next call makes another one. */
  async forgetAccount(): Promise<void> {
    this.#account = null;
    await this.#options.folder.removeAccount(this.data.name);
  }

  /** The account gets a new key. @throws AcmeError */
  async rollOver(): Promise<void> {
    const { folder } = this.#options;
    const { name } = this.data;
    const account = await this.account();
    const next = newKey();
    const stored = { directory: this.data.directory, contact: this.#contact };
    // Kept before it counts: a key that is lost between would be an account that is lost.
    await folder.writeAccount(`${name}.next`, { ...stored, key: next, url: account.url });
    const changed = await this.client.rollOver(account, next);
    await folder.writeAccount(name, { ...stored, ...changed });
    await folder.removeAccount(`${name}.next`);
    this.#account = Promise.resolve(changed);
  }

  /** For sentences. */
  async context(name: string): Promise<ProblemContext> {
    const directory = await this.client.directory().catch(() => null);
    return { name, issuer: this.data.name, caa: directory?.caa[0] ?? null };
  }

  async #open(): Promise<Account> {
    const { folder, scheduler } = this.#options;
    const found = await this.#known();
    if (found !== null) return found;
    const deadline = scheduler.now() + PATIENCE;
    for (;;) {
      const lock = await folder.lock(`account-${this.data.name}`);
      if (lock !== null) {
        try {
          return (await this.#known()) ?? (await this.#create());
        } finally {
          await lock.release();
        }
      }
      if (scheduler.now() >= deadline) {
        const detail = "another process has been making the account for a minute";
        throw new AcmeError({ reason: "timeout", detail });
      }
      await new Promise<void>((resolve) => void scheduler.after(500, resolve));
      const made = await this.#known();
      if (made !== null) return made;
    }
  }

  /** The account of the folder, with the address as it is configured now. */
  async #known(): Promise<Account | null> {
    const { folder } = this.#options;
    const { name, directory } = this.data;
    const stored = await folder.readAccount(name);
    if (stored === null || stored.directory !== directory) return null;
    // A change of keys may have been cut off: which of the two counts, the issuer knows.
    const next = await folder.readAccount(`${name}.next`);
    let account: Account = stored;
    if (next !== null && next.url === stored.url) {
      const taken = await this.client.findAccount(next.key).catch(() => null);
      if (taken?.url === stored.url) {
        account = taken;
        await folder.writeAccount(name, { ...stored, ...taken });
      }
      await folder.removeAccount(`${name}.next`);
    }
    if (stored.contact.join(" ") !== this.#contact.join(" ")) {
      await this.client.setContact(account, this.#contact);
      await folder.writeAccount(name, { ...account, directory, contact: this.#contact });
    }
    return account;
  }

  async #create(): Promise<Account> {
    const { folder } = this.#options;
    const { name, directory, eab } = this.data;
    await folder.open();
    const account = await this.client.newAccount(newKey(), this.#contact, eab);
    await folder.writeAccount(name, { ...account, directory, contact: this.#contact });
    return account;
  }

  get #contact(): readonly string[] {
    const { email } = this.#options;
    return email === null ? [] : [`mailto:${email}`];
  }
}
