/** An explanation as text for a terminal. */

import { formatDuration, type Milliseconds } from "#core/units.ts";
import type { Explanation, Forwarding, Place } from "#explain.ts";
import type { Edit, FilterResult } from "./effects.ts";

/** How an explanation is printed. */
export interface ExplanationOptions {
  /** ANSI colours. */
  readonly color?: boolean;
  /** Routes that do not match, of which all are told; the others are counted. */
  readonly routes?: number;
}

/** Lines as long as this and a place in the file still fit into a terminal. */
const WIDTH = 60;

/** The explanation, with a line break at its end. */
export function renderExplanation(
  explanation: Explanation,
  { color = false, routes: most = 20 }: ExplanationOptions = {},
): string {
  const paint = color ? colored : plain;
  const { request, fault, routes, effects, forwarding } = explanation;
  const url = `${request.authority}${request.target}`;
  const lines = [
    paint("bold", `${request.method} ${url}`) + ` from ${request.client}`,
    `  routed by host ${explanation.hostname || "(none)"}, path ${explanation.path || "(none)"}`,
  ];
  for (const note of explanation.notes) lines.push(`  ${note}`);
  if (fault !== null) {
    lines.push("", paint("red", `✗ ${fault.status} ${fault.code}`), `  ${fault.sentence}`);
  }
  if (explanation.readings === null || explanation.readings.length > 0) {
    lines.push("", ...readingLines(explanation));
  }
  if (routes.length > 0) {
    lines.push("", paint("bold", "routes, in the order in which they are tried"));
  }
  let skipped = 0;
  let told = 0;
  for (const result of routes) {
    const isTold = result.verdict !== "no match" || told < most;
    if (isTold && result.verdict === "no match") told++;
    if (isTold) lines.push(...routeLines(result, paint));
    else skipped++;
  }
  if (skipped > 0) lines.push(`  … and ${skipped} more that do not match`);
  if (effects.filters.length > 0) lines.push("", paint("bold", "filters"));
  for (const [index, filter] of effects.filters.entries()) {
    lines.push(...filterLines(filter, effects.places[index] ?? null, paint));
  }
  if (effects.answer !== null) {
    const { status, headers = {} } = effects.answer;
    lines.push("", paint("bold", `answered with ${status} by a filter; no backend is asked`));
    for (const [name, value] of Object.entries(headers)) {
      lines.push(`  ${name}: ${typeof value === "string" ? value : value.join(", ")}`);
    }
  }
  if (forwarding !== null) lines.push("", ...forwardingLines(explanation, forwarding, paint));
  return `${lines.map(clean).join("\n")}\n`;
}

type Paint = (tone: Tone, text: string) => string;

function readingLines({ readings }: Explanation): string[] {
  if (readings === null) return ["servers can read this path in too many ways to compare them"];
  const width = Math.max(...readings.map(({ path }) => path.length));
  return [
    "servers read this path as",
    ...readings.map(({ path, route }) => `  ${path.padEnd(width)}  → ${route ?? "no route"}`),
  ];
}

function routeLines(result: Explanation["routes"][number], paint: Paint): string[] {
  const { route, verdict, why, alternatives, place } = result;
  const mark = { taken: "✓", outranked: "·", "no match": "✗" }[verdict];
  const tone = verdict === "taken" ? "green" : "dim";
  const words = verdict === "outranked" ? `matches, but ${why}` : verdict;
  const lines = [located(paint(tone, `  ${mark} ${route.name}: ${words}`), place, paint)];
  for (const [index, { match, matchers }] of alternatives.entries()) {
    if (alternatives.length > 1) lines.push(`      ${match}`);
    for (const [at, { part, passed, found, wanted }] of matchers.entries()) {
      const text = passed ? `${found} matches ${wanted}` : `${found}, wanted ${wanted}`;
      const mark = passed ? paint("green", "✓") : paint("red", "✗");
      const line = `      ${mark} ${part.padEnd(8)} ${wanted === "any" ? "any" : text}`;
      const own = result.places[index]?.[at] ?? null;
      lines.push(own?.line === place?.line ? line : located(line, own, paint));
    }
  }
  return lines;
}

/** Outcomes that their own name does not explain. */
const SAID: Partial<Readonly<Record<FilterResult["outcome"], string>>> = {
  "would run": "would run: it depends on more than this request",
  observed: "only observes, would have done",
  "response only": "changes the response (not shown: there is no response here)",
};

function filterLines(filter: FilterResult, place: Place, paint: Paint): string[] {
  const { name, outcome, edits, problem, summary } = filter;
  const set = summary === "" ? "" : ` (${summary})`;
  const said = `${SAID[outcome] ?? outcome}${set}`;
  const text = `  ${name}: ${problem === "" ? said : `${said}: ${problem}`}`;
  return [located(text, place, paint), ...edits.map((edit) => `      ${editText(edit, paint)}`)];
}

function forwardingLines({ request }: Explanation, forwarding: Forwarding, paint: Paint): string[] {
  const { upstream, policy, endpoints, target, host, upgrade, edits, timeouts } = forwarding;
  const isRewritten = target !== request.target;
  const sentTarget = isRewritten ? `${request.target} → ${target}` : `${target} (as received)`;
  const isKept = host === request.authority;
  const sentHost =
    host === null ? "that of the endpoint" : `${host}${isKept ? " (as received)" : ""}`;
  return [
    located(paint("bold", `forwarded to ${upstream}, ${policy}`), forwarding.upstreamPlace, paint),
    ...endpoints.map(({ name, weight, place }) =>
      located(`  endpoint  ${name}${weight === 1 ? "" : `, weight ${weight}`}`, place, paint),
    ),
    `  target    ${sentTarget}`,
    located(`  host      ${sentHost}`, forwarding.hostPlace, paint),
    ...(upgrade === "" ? [] : [`  upgrade   ${upgrade}`]),
    ...edits.map((edit) => `  ${editText(edit, paint)}`),
    ...timeouts.map(({ name, milliseconds, place }) => {
      const limit = milliseconds === 0 ? "none" : formatDuration(milliseconds as Milliseconds);
      const text = `  timeout   ${name} ${limit}`;
      return place === null ? `${text} (default)` : located(text, place, paint);
    }),
  ];
}

function editText({ what, before, after }: Edit, paint: Paint): string {
  const old = before.join(" | ");
  const now = after.join(" | ");
  if (before.length === 0) return paint("green", `+ ${what}: ${now}`);
  if (after.length === 0) return paint("red", `- ${what}: ${old}`);
  return paint("yellow", `~ ${what}: ${old} → ${now}`);
}

function located(text: string, place: Place, paint: Paint): string {
  if (place === null || place.line === null) return text;
  // Colours take no room.
  const room = WIDTH + text.length - text.replaceAll(/\u001b\[\d+m/g, "").length;
  return `${text.padEnd(room)}  ${paint("dim", `${place.file}:${place.line}`)}`;
}

/** Control characters of a request or a file must not reach the terminal; those of colours have to. */
function clean(line: string): string {
  return line.replaceAll(/(?!\u001b\[\d+m)[\u0000-\u001f\u007f-\u009f]/g, "\u{fffd}");
}

type Tone = "bold" | "dim" | "red" | "green" | "yellow";
const CODES: Readonly<Record<Tone, number>> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 };

function colored(tone: Tone, text: string): string {
  return `\u001b[${CODES[tone]}m${text}\u001b[0m`;
}

function plain(_tone: Tone, text: string): string {
  return text;
}
