/** The public plugin API: everything a filter may import. */

export {
  CONTINUE,
  RESET,
  respond,
  type Continue,
  type Filter,
  type FilterContext,
  type FilterKind,
  type LocalResponse,
  type Outcome,
  type RequestView,
  type Reset,
  type Respond,
  type ResponseView,
  type SecurityPosture,
  type Verdict,
} from "./filter.ts";
export { HeaderList, isHeaderName, isHeaderValue } from "#core/http/header-list.ts";
