/** Writes docs/reference/sluice.schema.json, by which editors complete and check configurations. */

import { FILTER_SCHEMAS } from "#filters/schemas.ts";
import { toJsonSchema } from "./json-schema.ts";
import { writeOrCheck } from "./output.ts";

const text = `${JSON.stringify(toJsonSchema(FILTER_SCHEMAS), null, 2)}\n`;
writeOrCheck("docs/reference/sluice.schema.json", text, import.meta.filename);
