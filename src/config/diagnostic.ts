/**
 * What is wrong with a configuration, and how a person is told.
 */

/** One finding. `control/compile` reports its own (shadowed routes, bad regular expressions) in the same form. */
export interface Diagnostic {
  readonly severity: "error" | "warning";
  /** As it was named by the user, or `command line`. */
  readonly file: string;
  /** 1-based; null where the position is not known (TypeScript values, command line). */
  readonly line: number | null;
  /** 1-based, in UTF-16 units; null together with `line`. */
  readonly column: number | null;
  /** How many characters the caret underlines, at least 1. */
  readonly length: number;
  /** Place in the configuration: `routes[3].match.host`, `--to`; empty for the whole. */
  readonly path: string;
  /** What is wrong: one plain clause without a full stop. */
  readonly message: string;
  /** What to do next; null when the message says it. */
  readonly hint: string | null;
}

/** How diagnostics are printed. */
export interface RenderOptions {
  /** ANSI colours. */
  readonly color?: boolean;
  /** Lines of a file, for the excerpt; undefined when there are none. */
  readonly text?: (file: string) => string | undefined;
}

/** Longest part of a source line that is shown. */
const EXCERPT_WIDTH = 120;

/** Sorts by file and position; what has no position comes first. */
export function sortDiagnostics(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  return diagnostics.toSorted(
    (a, b) =>
      compareText(a.file, b.file) ||
      (a.line ?? 0) - (b.line ?? 0) ||
      (a.column ?? 0) - (b.column ?? 0),
  );
}

/** All diagnostics as text for a terminal, each with its source lines, and a last line that counts them. */
export function renderDiagnostics(
  diagnostics: readonly Diagnostic[],
  options: RenderOptions = {},
): string {
  const parts = sortDiagnostics(diagnostics).map((one) => renderDiagnostic(one, options));
  return `${parts.join("\n\n")}\n\n${countDiagnostics(diagnostics)}\n`;
}

/** One diagnostic as text: place, message, excerpt with a caret, hint. No line break at the end. */
export function renderDiagnostic(diagnostic: Diagnostic, options: RenderOptions = {}): string {
  const paint = options.color === true ? colored : plain;
  const tone = diagnostic.severity === "error" ? "red" : "yellow";
  const lines = [
    `${paint("bold", place(diagnostic))}: ${paint(tone, diagnostic.severity)}: ${clean(diagnostic.message)}`,
  ];
  const excerpt = renderExcerpt(diagnostic, options);
  for (const line of excerpt) lines.push(line.caret ? paint(tone, line.text) : line.text);
  if (diagnostic.hint !== null) {
    lines.push(`  ${paint("cyan", "hint")}: ${clean(diagnostic.hint)}`);
  }
  return lines.join("\n");
}

/** `3 errors, 1 warning`. */
export function countDiagnostics(diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter((one) => one.severity === "error").length;
  const warnings = diagnostics.length - errors;
  const parts: string[] = [];
  if (errors > 0 || warnings === 0) parts.push(`${errors} error${errors === 1 ? "" : "s"}`);
  if (warnings > 0) parts.push(`${warnings} warning${warnings === 1 ? "" : "s"}`);
  return parts.join(", ");
}

function place(diagnostic: Diagnostic): string {
  const { file, line, column, path } = diagnostic;
  if (line !== null) return clean(`${file}:${line}:${column ?? 1}`);
  return clean(path === "" ? file : `${file}: ${path}`);
}

function renderExcerpt(
  diagnostic: Diagnostic,
  options: RenderOptions,
): { text: string; caret: boolean }[] {
  const { line, column } = diagnostic;
  const source = line === null ? undefined : options.text?.(diagnostic.file);
  if (line === null || source === undefined) return [];
  const lines = source.split(/\r\n|\r|\n/);
  const gutter = String(line).length;
  const rows: { text: string; caret: boolean }[] = [];
  for (const number of [line - 1, line]) {
    const text = lines[number - 1];
    if (text === undefined) continue;
    // Nothing is learnt from an empty line before the one that is meant.
    if (number !== line && text.trim() === "") continue;
    rows.push({ text: `  ${String(number).padStart(gutter)} | ${printable(text)}`, caret: false });
  }
  const found = lines[line - 1] ?? "";
  const start = Math.min((column ?? 1) - 1, found.length);
  if (start < EXCERPT_WIDTH) {
    const room = Math.max(1, Math.min(found.trimEnd().length, EXCERPT_WIDTH) - start);
    const carets = "^".repeat(Math.max(1, Math.min(diagnostic.length, room)));
    rows.push({ text: `  ${" ".repeat(gutter)} | ${" ".repeat(start)}${carets}`, caret: true });
  }
  return rows;
}

/** A source line with tabs as single blanks, so that the caret stands below its character. */
function printable(text: string): string {
  const short = text.length > EXCERPT_WIDTH ? `${text.slice(0, EXCERPT_WIDTH - 1)}…` : text;
  return clean(short.replaceAll("\t", " "));
}

/** Control characters of the file must not reach the terminal. */
function clean(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, "\u{fffd}");
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

type Tone = "bold" | "red" | "yellow" | "cyan";
const CODES: Readonly<Record<Tone, number>> = { bold: 1, red: 31, yellow: 33, cyan: 36 };

function colored(tone: Tone, text: string): string {
  return `\u001b[${CODES[tone]}m${text}\u001b[0m`;
}

function plain(_tone: Tone, text: string): string {
  return text;
}
