/** Id of the source that certificates of ACME are of. */
export const ACME_SOURCE = "acme";
