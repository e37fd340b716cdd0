/** One certificate from one issuer: order, challenge, key, certificate (RFC 8555 §7.4). What was begun is taken up again. */

import { X509Certificate } from "node:crypto";

import type { AcmeChallengeType } from "#model/tls.ts";
import { readPem } from "../store/pem.ts";
import type { Challenge, Solver } from "./challenge.ts";
import { isToken } from "./challenge.ts";
import type { Account, AcmeClient, Order } from "./client.ts";
import { certificateRequest } from "./csr.ts";
import type { AcmeFolder, PendingOrder } from "./folder.ts";
import type { Issuer } from "./issuer.ts";
import { keyPem, newKey, thumbprint } from "./jws.ts";
import { AcmeError } from "./problem.ts";

/** What is wanted. */
export interface Wanted {
  readonly name: string;
  readonly issuer: Issuer;
  readonly challenge: AcmeChallengeType;
  /** What it takes the place of, as the issuer knows it; null: nothing. */
  readonly replaces: string | null;
}

/** What it takes. */
export interface ObtainParts {
  readonly folder: AcmeFolder;
  readonly solver: Solver;
}

/** @returns private key, certificate and its issuers, as PEM. @throws AcmeError */
export async function obtain(parts: ObtainParts, wanted: Wanted): Promise<string> {
  const { folder } = parts;
  const { name, issuer } = wanted;
  // What could not be kept is not asked for: issuers count.
  await folder.open();
  const account = await issuer.account();
  const { client } = issuer;
  const begun = await takeUp(folder, client, account, name);
  const { order, pending } = begun ?? (await begin(folder, client, account, wanted));
  try {
    const ready =
      order.status === "pending" ? await authorize(parts, wanted, account, order) : order;
    const request = certificateRequest([name], pending.key);
    const done = await client.finalize(account, ready, request);
    const chain = await download(client, account, done.certificate ?? "", issuer.data.chain);
    return `${keyPem(pending.key)}${chain}`;
  } catch (error) {
    // An order that has failed stays so; one that the issuer did not answer for may still come to something.
    if (!(error instanceof AcmeError) || !["network", "issuer", "timeout"].includes(error.reason)) {
      await folder.removeOrder(name);
    }
    throw error;
  }
}

interface Begun {
  readonly order: Order;
  readonly pending: PendingOrder;
}

/** The request that was under way when the process ended, if it may still come to something. */
async function takeUp(
  folder: AcmeFolder,
  client: AcmeClient,
  account: Account,
  name: string,
): Promise<Begun | null> {
  const pending = await folder.readOrder(name);
  if (pending === null) return null;
  if (pending.account === account.url) {
    try {
      const order = await client.order(account, pending.url);
      if (order.status !== "invalid") return { order, pending };
    } catch (error) {
      if (error instanceof AcmeError && error.reason === "network") throw error;
    }
  }
  await folder.removeOrder(name);
  return null;
}

async function begin(
  folder: AcmeFolder,
  client: AcmeClient,
  account: Account,
  { name, issuer, replaces }: Wanted,
): Promise<Begun> {
  const { profile } = issuer.data;
  const order = await client.newOrder(account, [name], { profile, replaces });
  const pending = { account: account.url, url: order.url, key: newKey() };
  await folder.writeOrder(name, pending);
  return { order, pending };
}

/** Proves what the order asks to have proved. @returns the order, when it is ready */
async function authorize(
  { solver }: ObtainParts,
  { issuer, challenge }: Wanted,
  account: Account,
  order: Order,
): Promise<Order> {
  const { client } = issuer;
  for (const url of order.authorizations) {
    const { status, name, challenges } = await client.authorization(account, url);
    if (status === "valid") continue;
    const offered = challenges.find(({ type }) => type === challenge);
    if (status !== "pending" || offered === undefined || !isToken(offered.token)) {
      const types = challenges.map(({ type }) => type).join(", ");
      const detail =
        offered === undefined ? `it offers ${types} only` : `the authorization is ${status}`;
      await client.deactivateAuthorization(account, url).catch(() => undefined);
      throw new AcmeError({ reason: "challenge", detail });
    }
    const wanted: Challenge = {
      type: challenge,
      name,
      token: offered.token,
      keyAuthorization: `${offered.token}.${thumbprint(account.key)}`,
    };
    let withdraw = (): Promise<void> => Promise.resolve();
    try {
      withdraw = await solver.present(wanted);
      await client.verify(account, url, offered);
    } catch (error) {
      await client.deactivateAuthorization(account, url).catch(() => undefined);
      throw error;
    } finally {
      await withdraw();
    }
  }
  return client.settled(account, order.url, ["pending"]);
}

/** The chain, or another one if that is the preferred one. */
async function download(
  client: AcmeClient,
  account: Account,
  url: string,
  preferred: string | null,
): Promise<string> {
  const { chain, alternates } = await client.certificate(account, url);
  if (preferred === null || endsIn(chain, preferred)) return chain;
  for (const link of alternates) {
    const other = await client.certificate(account, link);
    if (endsIn(other.chain, preferred)) return other.chain;
  }
  return chain;
}

/** Whether the chain is, or was issued, by this common name at its end. */
function endsIn(chain: string, name: string): boolean {
  const last = readPem(chain).at(-1);
  if (last === undefined) return false;
  const { subject, issuer } = new X509Certificate(last.text);
  return [subject, issuer].some((one) => one.split("\n").includes(`CN=${name}`));
}
