/**
 * The schema of the configuration as JSON Schema: for editors, and as the source of the reference documentation.
 */
import { createSchema } from "#config/schema/config.ts";
import { type FilterSchemas, z } from "#sdk/config.ts";

/** The part of JSON Schema (draft 2020-12) that zod writes. */
export interface JsonSchema {
  readonly title?: string;
  readonly description?: string;
  readonly type?: string;
  readonly const?: string | number | boolean | null;
  readonly enum?: readonly (string | number | boolean | null)[];
  readonly anyOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
}

/** What users may write in YAML and JSON. The same filters give the same schema, key for key. */
export function toJsonSchema(filters: FilterSchemas): JsonSchema {
  const schema = z.toJSONSchema(createSchema(filters, { inlineFilters: false }), {
    io: "input",
    reused: "inline",
  }) as JsonSchema & { readonly $schema: string };
  return {
    ...schema,
    title: "Sluice configuration",
    properties: {
      $schema: {
        type: "string",
        description: "Where editors find this schema. It means nothing to the proxy.",
      },
      ...schema.properties,
    },
  };
}
