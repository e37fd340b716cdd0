/**
 * A plan: what a request will be done to. `route(snapshot, head, client, plan)` fills it; the lifecycle runs it,
 * `sluice explain` prints it. One record per exchange slot, reused.
 */

import type { FailureCode } from "#core/errors.ts";
import type { LinkedRoute } from "./linked.ts";

/** The result of routing and of the filters' edits. */
export class Plan {
  route: LinkedRoute | null = null;
  /** Why there is no route to take: `no_route`, `path_ambiguous`, `request_target_invalid`; `null` if all is well. */
  fault: FailureCode | null = null;
  /** Lower-case host name that was routed by. */
  hostname = "";
  /** Normalised path that was routed by. */
  path = "";
  query = "";
  /** Path and query as they go to the backend: the client's bytes unless a filter changed them. */
  target = "";
  /** Host as it goes to the backend; "" stands for the chosen endpoint's. */
  host = "";
  /** Prefix that filters have taken off. */
  strippedPrefix = "";
  readonly params: Map<string, string> = new Map();
  /** Fields that filters have set and no client may: lower case, with dashes. */
  readonly ownFields: string[] = [];

  /** Ready for the next request. */
  reset(): void {
    this.route = null;
    this.fault = null;
    this.hostname = "";
    this.path = "";
    this.query = "";
    this.target = "";
    this.host = "";
    this.strippedPrefix = "";
    if (this.params.size > 0) this.params.clear();
    if (this.ownFields.length > 0) this.ownFields.length = 0;
  }
}
