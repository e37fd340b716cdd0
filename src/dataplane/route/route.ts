/**
 * Stage 3: what a request will be done to. A pure function of the snapshot and the head of the request:
 * the data plane runs its plans, `sluice explain` prints them.
 */

import { parseAuthority } from "#core/http/authority.ts";
import { interpretations } from "#core/http/interpretations.ts";
import type { RequestHead } from "#core/http/message.ts";
import { isPlainPath, normalise } from "#core/http/path.ts";
import type { LinkedRoute, LinkedSnapshot } from "../linked.ts";
import type { Plan } from "../plan.ts";

/**
 * Fills `plan`, which has been reset. Where there is no route to take `plan.fault` says why: `no_route`,
 * `path_ambiguous`, `request_target_invalid`, `request_host_invalid`.
 *
 * @param clientIp the client's address by the trusted-proxy rule
 */
export function route(
  snapshot: LinkedSnapshot,
  head: RequestHead,
  clientIp: string,
  plan: Plan,
): void {
  const target = head.target;
  const mark = target.indexOf("?");
  const raw = mark < 0 ? target : target.slice(0, mark);
  const query = mark < 0 ? "" : target.slice(mark + 1);
  plan.target = target;
  plan.query = query;
  if (head.authority !== "") {
    const authority = head.readAuthority ?? parseAuthority(head.authority);
    if (authority === null) {
      plan.fault = "request_host_invalid";
      return;
    }
    plan.hostname = authority.hostname;
  }
  // Fast path: nearly every path is its own normalised form, and nobody reads it in another way.
  const isUnambiguous = target === "*" || (raw.charCodeAt(0) === 0x2f && isPlainPath(raw));
  const path = isUnambiguous ? raw : normalise(raw);
  if (path === null) {
    plan.fault = "request_target_invalid";
    return;
  }
  plan.path = path;
  const found = snapshot.router.match(plan.hostname, path, query, head, clientIp, plan.params);
  if (!isUnambiguous && isAmbiguous(snapshot, plan.hostname, raw, query, head, clientIp, found)) {
    plan.fault = "path_ambiguous";
    plan.params.clear();
    return;
  }
  if (found === null) {
    plan.fault = "no_route";
    return;
  }
  plan.route = found;
  const policy = found.host;
  if (policy.kind === "preserve") plan.host = head.authority;
  else if (policy.kind === "literal") plan.host = policy.value;
}

/**
 * Would servers that read this path in different ways be reached by different routes, one of which insists on
 * being told apart? Too many readings to compare are refused: otherwise more of them would be a way around.
 */
function isAmbiguous(
  snapshot: LinkedSnapshot,
  host: string,
  rawPath: string,
  query: string,
  head: RequestHead,
  clientIp: string,
  found: LinkedRoute | null,
): boolean {
  const readings = interpretations(rawPath);
  if (readings === null) return true;
  let differ = false;
  let isStrict = found !== null && found.strict;
  for (const reading of readings) {
    const other = snapshot.router.match(host, reading, query, head, clientIp, null);
    if (other !== found) differ = true;
    if (other !== null && other.strict) isStrict = true;
    if (differ && isStrict) return true;
  }
  return false;
}
