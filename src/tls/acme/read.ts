/** Reads JSON that somebody else has written: every member may be missing, or something else. */

/** A value as JSON, or undefined. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** A member of an object; undefined for everything else. */
export function member(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}

/** A member that is a text. */
export function textMember(value: unknown, name: string): string | null {
  const found = member(value, name);
  return typeof found === "string" ? found : null;
}

/** A member that is a finite number. */
export function numberMember(value: unknown, name: string): number | null {
  const found = member(value, name);
  return typeof found === "number" && Number.isFinite(found) ? found : null;
}

/** The members of a list; none for everything else. */
export function listMember(value: unknown, name: string): readonly unknown[] {
  const found = member(value, name);
  return Array.isArray(found) ? found : [];
}
