/** What makes TXT records for dns-01. */

import { AcmeError } from "../problem.ts";

/** A TXT record. */
export interface TxtRecord {
  /** `_acme-challenge.example.com`, without a final dot. */
  readonly name: string;
  /** Base64url: nothing in it needs quoting. */
  readonly value: string;
}

/** Makes and removes records. There may be several of a name at once. */
export interface DnsProvider {
  /** @throws AcmeError with what to do */
  present(record: TxtRecord): Promise<void>;
  /** Takes it away again. */
  cleanup(record: TxtRecord): Promise<void>;
}

/** The record cannot be made. `detail`: one clause. */
export function dnsFault(detail: string): AcmeError {
  return new AcmeError({ reason: "challenge", detail });
}

/** The names that may be the zone of a record, the longest first. */
export function zonesOf(name: string): string[] {
  const labels = name.split(".");
  return labels.slice(1, -1).map((_, index) => labels.slice(index + 1).join("."));
}
