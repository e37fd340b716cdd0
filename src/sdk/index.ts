/** The public plugin API: everything a filter may import. */

export {
  CONTINUE,
  RESET,
  refuse,
  respond,
  type Answer,
  type Continue,
  type Filter,
  type FilterContext,
  type FilterEnvironment,
  type FilterKind,
  type FilterMemory,
  type LocalResponse,
  type Outcome,
  type Question,
  type RequestView,
  type Refuse,
  type Reset,
  type Respond,
  type ResponseView,
  type SecurityPosture,
  type Verdict,
} from "./filter.ts";
/** Values by address block, such as `10.0.0.0/8`. */
export { CidrMap } from "#core/collections/cidr.ts";
/** Keys of requests, and what is counted by them in memory that all workers share. */
export { ConcurrencyTable } from "#core/shared/concurrency-table.ts";
export { KeyHash } from "#core/shared/key-hash.ts";
export { type Rate, type RateState, RateTable } from "#core/shared/rate-table.ts";
export { keyText, linkKey, type KeyOf, type KeyPart } from "./request-key.ts";
export { HeaderList, isHeaderName, isHeaderValue } from "#core/http/header-list.ts";
/**
 * Targets: `stripPrefix` takes a prefix off at a segment's end and says null if it is not there, `joinPrefix` puts one
 * before; neither decodes anything.
 */
export { joinPrefix, stripPrefix } from "#core/http/path.ts";
/** What answers say of their site's own places, led there again. */
export { mendResponse, type MendPath } from "./mend.ts";
/** Text with placeholders, in the form that `sdk/config.ts` reads it from options. */
export { linkTemplate, staticText, type Render, type Template } from "./template.ts";
