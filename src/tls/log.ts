/** Writes to the process's log. `code`: stable name of what happened; `message`: for a person. */
export type TlsLog = (
  level: "info" | "warn",
  code: string,
  message: string,
  fields: Readonly<Record<string, unknown>>,
) => void;
