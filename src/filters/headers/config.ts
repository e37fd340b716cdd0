import {
  type FieldSide,
  type FilterSchema,
  type Template,
  editableHeader,
  headerTemplate,
  message,
  oneOrMany,
  z,
} from "#sdk/config.ts";

/** A field that is written. */
export interface FieldValue {
  /** As the configuration spells it. */
  readonly name: string;
  readonly value: Template;
}

/** What is done to the fields of a message: `remove` first, then `set`, then `add`. */
export interface HeaderEdits {
  /** Fields that replace every field of their name. */
  readonly set: readonly FieldValue[];
  /** Fields that stand beside others of their name. */
  readonly add: readonly FieldValue[];
  readonly remove: readonly string[];
}

/** How they are written. */
export interface HeaderEditsInput {
  readonly set?: Readonly<Record<string, string>> | undefined;
  readonly add?: Readonly<Record<string, string | readonly string[]>> | undefined;
  readonly remove?: string | readonly string[] | undefined;
}

function schema(side: FieldSide): z.ZodType<HeaderEdits, HeaderEditsInput> {
  const name = editableHeader(side);
  return z
    .strictObject({
      set: z
        .record(name, headerTemplate())
        .optional()
        .describe(
          "Fields by name: each replaces every field of that name. A value that comes out empty only deletes.",
        ),
      add: z
        .record(name, oneOrMany(headerTemplate()))
        .optional()
        .describe(
          "Fields by name, a value or a list, beside what there is. Empty values are left out.",
        ),
      remove: oneOrMany(name).optional().describe("Names of fields to delete: one, or a list."),
    })
    .transform((written, context): HeaderEdits => {
      const set = Object.entries(written.set ?? {}).map(([name, value]) => ({ name, value }));
      const add = Object.entries(written.add ?? {}).flatMap(([name, values]) =>
        values.map((value) => ({ name, value })),
      );
      const remove = written.remove ?? [];
      const refuse = (path: string[], text: string, hint: string): void => {
        context.issues.push({ code: "custom", path, message: message(text, hint), input: written });
      };
      if (set.length + add.length + remove.length === 0) {
        refuse([], "this step changes nothing", "give it `set`, `add` or `remove`");
      }
      const seen = new Map(remove.map((name) => [folded(name), "`remove`"]));
      for (const { name } of set) {
        const other = seen.get(folded(name));
        if (other !== undefined) {
          const hint = "`set` replaces every field of that name already; write it once";
          refuse(["set", name], `\`${name}\` stands in ${other} as well`, hint);
        }
        seen.set(folded(name), "`set`");
      }
      return { set, add, remove };
    });
}

/** Fields that are one to a backend: whatever the case, and `_` for `-`. */
function folded(name: string): string {
  return name.toLowerCase().replaceAll("_", "-");
}

/** Changes the fields that the backend sees. */
export const requestHeaders: FilterSchema<HeaderEdits, HeaderEditsInput> = {
  schema: schema("request"),
  describe:
    "Sets, adds and removes header fields of the request. Values may hold placeholders such as `{client_ip}`.",
};

/** Changes the fields that the client sees. */
export const responseHeaders: FilterSchema<HeaderEdits, HeaderEditsInput> = {
  schema: schema("response"),
  describe:
    "Sets, adds and removes header fields of the response, the proxy's own answers included. Values may hold placeholders such as `{request_id}`.",
};
