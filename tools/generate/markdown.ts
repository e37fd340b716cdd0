/** The reference documentation of a schema, as Markdown. */

import type { JsonSchema } from "./json-schema.ts";

const HEAD = `# Configuration reference

<!-- Generated from the schema by tools/generate/reference.ts; change the descriptions there. -->

Every key, what it takes, and what holds without it. Where a row says *or a list*, one value and a list of values mean
the same. A mapping that is left out has the defaults of its keys.

- A **duration** is a number with its unit: \`500ms\`, \`5s\`, \`1m\`, \`2h\`, \`1d\`. A **size** is one too: \`512B\`, \`64KiB\`
  (1024 bytes each), \`10MB\` (1000 × 1000 bytes each). A bare number is refused, since it would hide its unit.
- Any text may hold references: \`\${NAME}\` is an environment variable, \`\${NAME:-default}\` has a default,
  \`\${file:path}\` is what a file holds (relative to the configuration, without its last line break), and \`$\${\` stands for
  \`\${\` itself. Between the brackets of \`[ ]\` and \`{ }\` YAML wants them quoted.
- In an editor, \`# yaml-language-server: $schema=…/sluice.schema.json\` in the first line of a YAML file, or \`"$schema"\` in
  a JSON file, completes and checks while you type.
`;

/** The whole page. */
export function renderReference(schema: JsonSchema): string {
  const sections = [HEAD];
  const properties = Object.entries(schema.properties ?? {}).filter(([key]) => key !== "$schema");
  sections.push(renderTable(properties, new Set(schema.required)));
  for (const [key, value] of properties) sections.push(...renderSections(key, value, 2));
  return `${sections.join("\n").trimEnd()}\n`;
}

/** A section for each mapping that `schema` can hold, and for those inside it. */
function renderSections(path: string, schema: JsonSchema, level: number): string[] {
  const sections: string[] = [];
  for (const { suffix, mapping } of mappingsOf(schema)) {
    const place = path + suffix;
    const entries = Object.entries(mapping.properties ?? {});
    sections.push(
      `${"#".repeat(Math.min(level, 4))} \`${place}\`\n`,
      ...(schema.description === undefined ? [] : [`${schema.description}\n`]),
      renderTable(entries, new Set(mapping.required)),
    );
    for (const [key, value] of entries) {
      sections.push(...renderSections(`${place}.${key}`, value, level + 1));
    }
  }
  return sections;
}

/** The mappings with known keys that a value may be, hold as a list, or hold by names. */
function mappingsOf(schema: JsonSchema): { suffix: string; mapping: JsonSchema }[] {
  if (schema.properties !== undefined) return [{ suffix: "", mapping: schema }];
  if (schema.items !== undefined) return within("[]", schema.items);
  if (typeof schema.additionalProperties === "object") {
    return within(".<name>", schema.additionalProperties);
  }
  // A mapping and a list of such mappings are one form, written once or many times: described once.
  const found = (schema.anyOf ?? []).flatMap((form) => mappingsOf(form));
  const seen = new Set<string>();
  return found.filter(({ mapping }) => {
    const keys = Object.keys(mapping.properties ?? {}).join();
    return !seen.has(keys) && seen.add(keys);
  });
}

function within(suffix: string, schema: JsonSchema): { suffix: string; mapping: JsonSchema }[] {
  return mappingsOf(schema).map((inner) => ({ ...inner, suffix: suffix + inner.suffix }));
}

function renderTable(
  entries: readonly (readonly [string, JsonSchema])[],
  required: ReadonlySet<string>,
): string {
  const rows = entries.map(([key, schema]) => {
    const fallback = required.has(key) ? "*required*" : renderDefault(schema.default);
    return `| \`${key}\` | ${cell(renderType(schema))} | ${cell(fallback)} | ${cell(schema.description ?? "")} |`;
  });
  return ["| key | takes | default | meaning |", "| --- | --- | --- | --- |", ...rows, ""].join(
    "\n",
  );
}

function renderDefault(value: unknown): string {
  if (value === undefined) return "–";
  if (typeof value === "object" && value !== null && Object.keys(value).length === 0) {
    return Array.isArray(value) ? "`[]`" : "–";
  }
  if (Array.isArray(value)) return value.map((item) => `\`${String(item)}\``).join(", ");
  return `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
}

/** What may be written there, in a few words. */
export function renderType(schema: JsonSchema): string {
  if (schema.anyOf !== undefined) return renderForms(schema.anyOf);
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  if (schema.enum !== undefined)
    return schema.enum.map((value) => `\`${String(value)}\``).join(", ");
  switch (schema.type) {
    case "array":
      return `list of ${renderType(schema.items ?? {})}s`;
    case "object":
      return typeof schema.additionalProperties === "object" ? "mapping of names" : "mapping";
    case "boolean":
      return "`true`, `false`";
    case "integer":
    case "number":
      return schema.title ?? renderNumber(schema);
    default:
      return schema.title ?? "text";
  }
}

function renderForms(forms: readonly JsonSchema[]): string {
  const flat = forms.flatMap((form) => form.anyOf ?? [form]);
  const single = flat.filter((form) => form.type !== "array").map(renderType);
  const lists = flat.filter((form) => form.type === "array");
  const words = [...new Set(single)];
  // Any list here is one of what may also stand alone.
  return words.join(" or ") + (lists.length > 0 ? ", or a list" : "");
}

function renderNumber({ minimum, maximum }: JsonSchema): string {
  // zod writes the bounds of safe integers where there are none.
  const low = minimum === undefined || minimum <= Number.MIN_SAFE_INTEGER ? undefined : minimum;
  const high = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (low !== undefined && high !== undefined) return `number, ${low} to ${high}`;
  if (low !== undefined) return `number from ${low}`;
  return high === undefined ? "number" : `number to ${high}`;
}

/** Text for a cell of a table. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
