import {
  CONTINUE,
  type FilterContext,
  type FilterKind,
  type HeaderList,
  type Render,
  linkTemplate,
} from "#sdk/index.ts";
import type { FieldValue, HeaderEdits } from "./config.ts";

interface LinkedField {
  readonly name: string;
  /** The name that look-ups fold onto: lower case, dashes. */
  readonly folded: string;
  readonly value: Render;
}

type Edit = (headers: HeaderList, context: FilterContext) => void;

/** Replaces a field, in every spelling that a CGI or WSGI backend takes for it: another one would shadow ours. */
type Replace = (context: FilterContext, field: Named, value: string) => void;

type Named = Pick<LinkedField, "name" | "folded">;

function linkEdits(edits: HeaderEdits, replace: Replace): Edit {
  const remove = edits.remove.map((name): Named => ({ name, folded: fold(name) }));
  const set = edits.set.map(linkField);
  const add = edits.add.map(linkField);
  return (headers, context) => {
    for (const field of remove) replace(context, field, "");
    for (const field of set) replace(context, field, field.value(context).trim());
    for (const field of add) {
      const value = field.value(context).trim();
      if (value !== "") headers.append(field.name, value);
    }
  };
}

function linkField({ name, value }: FieldValue): LinkedField {
  return { name, folded: fold(name), value: linkTemplate(value) };
}

function fold(name: string): string {
  return name.toLowerCase().replaceAll("_", "-");
}

const NONE: readonly string[] = [];

/** Changes the fields that the backend sees. */
export const requestHeaders: FilterKind<HeaderEdits> = {
  name: "requestHeaders",
  stability: "stable",
  securityPosture: "untrusted-both",
  pure: true,
  create(edits) {
    const edit = linkEdits(edits, ({ request }, { name }, value) =>
      request.own(name, value === "" ? NONE : [value]),
    );
    return {
      onRequestHead(context) {
        edit(context.request.headers, context);
        return CONTINUE;
      },
    };
  },
};

/** Changes the fields that the client sees. */
export const responseHeaders: FilterKind<HeaderEdits> = {
  name: "responseHeaders",
  stability: "stable",
  securityPosture: "untrusted-both",
  pure: true,
  create(edits) {
    const edit = linkEdits(edits, ({ response: { headers } }, { name, folded }, value) => {
      headers.deleteFolded(folded);
      if (value !== "") headers.append(name, value);
    });
    return {
      onResponseHead(context) {
        edit(context.response.headers, context);
        return CONTINUE;
      },
    };
  },
};
