/** The public plugin API: everything a filter may import. */

export {
  CONTINUE,
  RESET,
  refuse,
  respond,
  type Continue,
  type Filter,
  type FilterContext,
  type FilterKind,
  type LocalResponse,
  type Outcome,
  type RequestView,
  type Refuse,
  type Reset,
  type Respond,
  type ResponseView,
  type SecurityPosture,
  type Verdict,
} from "./filter.ts";
export { HeaderList, isHeaderName, isHeaderValue } from "#core/http/header-list.ts";
/**
 * Targets: `stripPrefix` takes a prefix off at a segment's end and says null if it is not there, `joinPrefix` puts one
 * before; neither decodes anything.
 */
export { joinPrefix, stripPrefix } from "#core/http/path.ts";
/** Text with placeholders, in the form that `sdk/config.ts` reads it from options. */
export { linkTemplate, staticText, type Render, type Template } from "./template.ts";
