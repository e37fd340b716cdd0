/** Field lines that are the same on many messages, made once: what is added to a list is then a copy of bytes. */

import { type FieldLines, type FieldName, HeaderList } from "./header-list.ts";

/** The name of a field, for {@link HeaderList.appendNamed}. */
export function fieldName(name: string): FieldName {
  const { bytes, places } = fieldLines([[name, ""]]);
  return { id: places[0]!, bytes: bytes.slice(0, -2) };
}

/** Fields that are well formed, for {@link HeaderList.appendLines}. */
export function fieldLines(
  fields: readonly (readonly [name: string, value: string])[],
): FieldLines {
  const list = new HeaderList();
  for (const [name, value] of fields) list.appendUnchecked(name, value);
  return { bytes: list.bytes.slice(0, list.used), places: list.places() };
}
