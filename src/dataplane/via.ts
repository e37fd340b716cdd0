/** `Via` (RFC 9110 §7.6.3), as this instance adds it to requests and answers. */

import { fieldLines } from "#core/http/field-lines.ts";
import type { FieldLines } from "#core/http/header-list.ts";
import type { HttpVersion } from "#core/http/message.ts";

let known = "";
let from10 = linesOf("1.0", known);
let from11 = linesOf("1.1", known);
let from20 = linesOf("2.0", known);

/** The line for a message that came in that version. `instance`: what we call ourselves; it hardly ever changes. */
export function viaLines(version: HttpVersion, instance: string): FieldLines {
  if (instance !== known) {
    known = instance;
    from10 = linesOf("1.0", instance);
    from11 = linesOf("1.1", instance);
    from20 = linesOf("2.0", instance);
  }
  if (version === 11) return from11;
  return version === 20 ? from20 : from10;
}

function linesOf(version: string, instance: string): FieldLines {
  return fieldLines([["Via", `${version} ${instance}`]]);
}
