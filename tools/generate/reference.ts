/** Writes docs/reference/configuration.md from the descriptions in the schema. */

import { FILTER_SCHEMAS } from "#filters/schemas.ts";
import { toJsonSchema } from "./json-schema.ts";
import { renderReference } from "./markdown.ts";
import { writeOrCheck } from "./output.ts";

const text = renderReference(toJsonSchema(FILTER_SCHEMAS));
writeOrCheck("docs/reference/configuration.md", text, import.meta.filename);
