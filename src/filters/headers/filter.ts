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

function linkEdits(edits: HeaderEdits): Edit {
  const remove = edits.remove.map(fold);
  const set = edits.set.map(linkField);
  const add = edits.add.map(linkField);
  return (headers, context) => {
    // Every spelling that a CGI or WSGI backend takes for the field goes, or the client's would shadow ours.
    for (const name of remove) headers.deleteFolded(name);
    for (const field of set) {
      const value = field.value(context).trim();
      headers.deleteFolded(field.folded);
      if (value !== "") headers.append(field.name, value);
    }
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

/** Changes the fields that the backend sees. */
export const requestHeaders: FilterKind<HeaderEdits> = {
  name: "requestHeaders",
  stability: "stable",
  securityPosture: "untrusted-both",
  pure: true,
  create(edits) {
    const edit = linkEdits(edits);
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
    const edit = linkEdits(edits);
    return {
      onResponseHead(context) {
        edit(context.response.headers, context);
        return CONTINUE;
      },
    };
  },
};
