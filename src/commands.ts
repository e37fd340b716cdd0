/** What commands do that a proxy does not: each is loaded when it is asked for. */

import type { DataPlace, Said } from "./asking.ts";
import type { ReadingOptions } from "./reading.ts";
import type { Listing, ListingRequest } from "./listing.ts";
import type { TrustRequest } from "./trusting.ts";

/** Lists the certificates of a configuration. */
export async function listCertificates(request: ListingRequest): Promise<Listing> {
  return (await import("./listing.ts")).list(request);
}

/** Says what would be asked of which certificate authority. */
export async function planCertificates(
  request: ReadingOptions & DataPlace & { readonly names: readonly string[] },
): Promise<Said> {
  return (await import("./asking.ts")).plan(request);
}

/** Takes over the certificates of another program's store. */
export async function importCertificates(
  request: DataPlace & { readonly from: string },
): Promise<Said> {
  return (await import("./asking.ts")).importFrom(request);
}

/** Makes this machine trust the local certificate authority, or undoes it. @returns whether all is as it was asked for */
export async function trustLocal(request: TrustRequest): Promise<boolean> {
  return (await import("./trusting.ts")).trustLocal(request);
}
