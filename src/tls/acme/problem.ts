/** What issuers complain about (RFC 8555 §6.7, RFC 7807), as an error with a sentence for a person that says what to do. */

import type { AcmeChallengeType } from "#model/tls.ts";
import { listMember, member, numberMember, textMember } from "./read.ts";

/** Words for metrics: the type of the problem, or what kept the issuer from saying one. */
export type AcmeReason =
  | "account"
  | "caa"
  | "challenge"
  | "connection"
  | "dns"
  | "issuer"
  | "network"
  | "rate_limit"
  | "rejected"
  | "request"
  | "store"
  | "timeout"
  | "unauthorized";

/** Something went wrong with an issuer. */
export class AcmeError extends Error {
  /** Type of the problem without its prefix, such as `rateLimited`; "" when it is none of the issuer's. */
  readonly type: string;
  readonly reason: AcmeReason;
  /** What the issuer has written. */
  readonly detail: string;
  readonly status: number;
  /** Wait at least so long before the next try, milliseconds; null: the issuer has not said. */
  readonly retryAfter: number | null;
  /** It was said about the answer to a challenge of this type. */
  challenge: AcmeChallengeType | null = null;

  constructor(facts: {
    readonly type?: string;
    readonly reason?: AcmeReason;
    readonly detail: string;
    readonly status?: number;
    readonly retryAfter?: number | null;
  }) {
    super(facts.detail);
    this.type = facts.type ?? "";
    this.reason = facts.reason ?? REASONS[this.type] ?? "request";
    this.detail = facts.detail;
    this.status = facts.status ?? 0;
    this.retryAfter = facts.retryAfter ?? null;
  }
}

const PREFIX = "urn:ietf:params:acme:error:";

const REASONS: Readonly<Record<string, AcmeReason>> = {
  accountDoesNotExist: "account",
  badPublicKey: "account",
  externalAccountRequired: "account",
  invalidContact: "account",
  unsupportedContact: "account",
  userActionRequired: "account",
  caa: "caa",
  connection: "connection",
  dns: "dns",
  incorrectResponse: "unauthorized",
  rateLimited: "rate_limit",
  rejectedIdentifier: "rejected",
  serverInternal: "issuer",
  tls: "connection",
  unauthorized: "unauthorized",
  unsupportedIdentifier: "rejected",
};

/** A problem document, or whatever stands in its place. */
export function readProblem(
  document: unknown,
  status: number,
  retryAfter: number | null = null,
): AcmeError {
  const type = textMember(document, "type") ?? "";
  const parts = listMember(document, "subproblems").flatMap((part) => {
    const name = textMember(member(part, "identifier"), "value");
    const detail = textMember(part, "detail");
    return detail === null ? [] : [name === null ? detail : `${name}: ${detail}`];
  });
  const detail = oneLine(
    [textMember(document, "detail") ?? `it answered with status ${status}`, ...parts].join("; "),
  );
  const known = type.startsWith(PREFIX) ? type.slice(PREFIX.length) : "";
  return new AcmeError({
    type: known,
    ...(known === "" ? { reason: status >= 500 ? ("issuer" as const) : ("request" as const) } : {}),
    detail,
    status: numberMember(document, "status") ?? status,
    retryAfter,
  });
}

/** Whom and what a sentence is about. */
export interface ProblemContext {
  /** What is to be certified. */
  readonly name: string;
  /** What the issuer is called. */
  readonly issuer: string;
  /** The domain for CAA records, if it is known. */
  readonly caa: string | null;
}

/** One clause without a full stop: what went wrong, and what to do about it. */
export function explain(error: AcmeError, context: ProblemContext): string {
  const said = error.detail === "" ? "" : ` (${error.detail})`;
  return error.challenge === null
    ? explainRequest(error, context, said)
    : explainChallenge(error, error.challenge, context, said);
}

function explainChallenge(
  error: AcmeError,
  challenge: AcmeChallengeType,
  { name, issuer, caa }: ProblemContext,
  said: string,
): string {
  const port = challenge === "tls-alpn-01" ? 443 : 80;
  switch (error.type) {
    case "connection":
      return challenge === "dns-01"
        ? `${issuer} cannot reach the name servers of ${name}${said}`
        : `port ${port} of ${name} is not reachable from ${issuer}: open it and lead it here, or use dns-01${said}`;
    case "dns":
      return challenge === "dns-01"
        ? `${issuer} does not find the TXT record of ${name}: look whether acme.dns writes to the name servers that are responsible for it${said}`
        : `${name} does not lead anywhere that ${issuer} can see: give it an A or AAAA record with the address of this machine${said}`;
    case "tls":
      return `something else than Sluice speaks TLS on port ${port} of ${name}: lead the port here, or use http-01 or dns-01${said}`;
    case "caa":
      return caaSentence(name, issuer, caa, said);
    case "unauthorized":
    case "incorrectResponse":
      return challenge === "dns-01"
        ? `${issuer} finds another TXT record than it should at _acme-challenge.${name}: remove old ones, and look whether acme.dns writes to the right zone${said}`
        : `something else than Sluice answers on port ${port} of ${name}: its address has to be that of this machine, IPv6 included, with nothing in front that answers itself${said}`;
    default:
      return `${issuer} could not verify ${name} by ${challenge}${said}`;
  }
}

function explainRequest(
  error: AcmeError,
  { name, issuer, caa }: ProblemContext,
  said: string,
): string {
  switch (error.type) {
    case "caa":
      return caaSentence(name, issuer, caa, said);
    case "rateLimited":
      return `${issuer} has been asked for too much and refuses for now; it is asked again when it allows it, and until then another acme.issuer or the staging one may serve${said}`;
    case "rejectedIdentifier":
    case "unsupportedIdentifier":
      return `${issuer} makes no certificates for ${name}: take another name, another acme.issuer, or \`tls: local\`${said}`;
    case "externalAccountRequired":
      return `${issuer} wants to know whose account this is: get key id and key from it, and write them to acme.issuer as \`eab\`${said}`;
    case "invalidContact":
    case "unsupportedContact":
      return `${issuer} does not take the address of acme.email: correct it${said}`;
    case "userActionRequired":
      return `${issuer} has new terms, which somebody has to agree to${said}`;
    case "accountDoesNotExist":
      return `${issuer} does not know this account any more; a new one is made at the next try${said}`;
    case "serverInternal":
      return `${issuer} has trouble of its own; it is asked again${said}`;
    case "unauthorized":
      return `${issuer} does not let this account do that: if it was deactivated, remove its file from the folder acme/accounts${said}`;
    case "invalidProfile":
      return `${issuer} has no such profile: correct acme.issuer${said}`;
    default:
      return otherwise(error, name, issuer, said);
  }
}

function otherwise(error: AcmeError, name: string, issuer: string, said: string): string {
  switch (error.reason) {
    case "network":
      return `${issuer} cannot be reached: look whether this machine gets to the internet and knows its time${said}`;
    case "timeout":
      return `${issuer} has not decided about ${name} in time; it is asked again${said}`;
    case "issuer":
      return `${issuer} has trouble of its own; it is asked again${said}`;
    case "store":
      return `nothing is asked of ${issuer}, since what it gives could not be kept: ${error.detail}`;
    case "challenge":
      return `the answer to the challenge for ${name} cannot be given: ${error.detail}`;
    default:
      return `${issuer} refused the request for ${name}${said}`;
  }
}

function caaSentence(name: string, issuer: string, caa: string | null, said: string): string {
  const record = caa === null ? "a CAA record that does" : `a CAA record \`0 issue "${caa}"\``;
  return `the DNS of ${name} does not allow ${issuer} to make certificates for it: add ${record}${said}`;
}

/** As much as fits into a line of a log. */
function oneLine(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > 400 ? `${line.slice(0, 399)}…` : line;
}
