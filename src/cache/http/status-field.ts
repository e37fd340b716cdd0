/** `Cache-Status` (RFC 9211): what this cache has done, for whoever wonders. */

import { fieldName } from "#core/http/field-lines.ts";
import type { HeaderList } from "#core/http/header-list.ts";

const NAME = fieldName("Cache-Status");

/** Why a request went to the backend (RFC 9211 §2.2). */
export type Forwarded =
  | "bypass"
  | "method"
  | "uri-miss"
  | "vary-miss"
  | "miss"
  | "request"
  | "stale"
  | "partial";

/** What is told. */
export interface CacheReport {
  readonly forwarded: Forwarded | null;
  /** What the backend said, where it is not what the client is told. */
  readonly status?: number;
  readonly stored?: boolean;
  readonly collapsed?: boolean;
  /** Freshness that is left, milliseconds; below 0: stale. */
  readonly ttl?: number;
  /** A token of this cache's own. */
  readonly detail?: string;
}

/** Adds the member of this cache behind those of caches nearer to the backend. */
export function addCacheStatus(headers: HeaderList, report: CacheReport): void {
  const { forwarded, status, stored, collapsed, ttl, detail } = report;
  let value = forwarded === null ? "sluice; hit" : `sluice; fwd=${forwarded}`;
  if (status !== undefined) value += `; fwd-status=${status}`;
  if (stored === true) value += "; stored";
  if (collapsed === true) value += "; collapsed";
  if (ttl !== undefined) value += `; ttl=${Math.floor(ttl / 1000)}`;
  if (detail !== undefined) value += `; detail=${detail}`;
  headers.appendNamed(NAME, value);
}
