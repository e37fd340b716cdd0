/** Hashes of plain data: equal for equal data, whatever the order of its keys. */

import { createHash } from "node:crypto";

/** SHA-256 of the canonical JSON of `value`, in hex. @throws TypeError for what is no plain data */
export function hashOf(value: unknown): string {
  return createHash("sha256").update(canonical(value)).digest("hex");
}

/**
 * JSON with sorted keys and without blanks. Members that are undefined are left out.
 * @throws TypeError for functions, symbols and objects that are neither lists nor plain: they could not be sent
 * to workers either
 */
export function canonical(value: unknown): string {
  if (value === null || typeof value !== "object") return primitive(value);
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item ?? null)).join(",")}]`;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError("a snapshot holds plain data only");
  }
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonical(member)}`);
  return `{${members.join(",")}}`;
}

function primitive(value: unknown): string {
  switch (typeof value) {
    case "string":
    case "boolean":
      return JSON.stringify(value);
    case "number":
      // JSON has no word for these, and would call them null.
      return Number.isFinite(value) ? JSON.stringify(value) : `"${value}"`;
    case "object":
      return "null";
    default:
      throw new TypeError(`a snapshot holds plain data only, not a ${typeof value}`);
  }
}
