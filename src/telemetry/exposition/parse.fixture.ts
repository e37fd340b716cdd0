/** A strict reader of both exposition formats, for tests: it throws at anything that their grammars do not have. */

/** A family as it was read. */
export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: Sample[];
}

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  gauge: [""],
  counter: [""],
  histogram: ["_bucket", "_sum", "_count"],
};

/** Reads a whole exposition; families by their name. */
export function parseExposition(text: string, openMetrics: boolean): Map<string, Family> {
  if (!text.endsWith("\n")) throw new Error("does not end with a line feed");
  const lines = text.slice(0, -1).split("\n");
  if (openMetrics && lines.pop() !== "# EOF") throw new Error("does not end with # EOF");
  const families = new Map<string, Family>();
  const seen = new Set<string>();
  let family: Family | null = null;
  let help: { name: string; text: string } | null = null;
  for (const line of lines) {
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line);
    if (comment !== null) {
      const [, kind, name = "", rest = ""] = comment;
      if (kind === "HELP") {
        help = { name, text: rest };
        continue;
      }
      if (help?.name !== name) throw new Error(`TYPE without HELP: ${line}`);
      if (families.has(name)) throw new Error(`family twice: ${name}`);
      if (openMetrics && rest === "counter" && name.endsWith("_total")) {
        throw new Error(`a family must not end in _total: ${name}`);
      }
      family = { name, type: rest, help: help.text, samples: [] };
      families.set(name, family);
      continue;
    }
    if (family === null) throw new Error(`sample before a family: ${line}`);
    const sample = parseSample(line);
    const suffixes =
      openMetrics && family.type === "counter" ? ["_total"] : (SUFFIXES[family.type] ?? []);
    const base = family.name;
    if (!suffixes.some((suffix) => sample.name === base + suffix)) {
      throw new Error(`${sample.name} is not of the ${family.type} ${base}`);
    }
    const labels = Object.entries(sample.labels).map(([label, value]) => `${label}=${value}`);
    const key = `${sample.name} ${labels.toSorted((a, b) => (a < b ? -1 : 1)).join("\n")}`;
    if (seen.has(key)) throw new Error(`series twice: ${key}`);
    seen.add(key);
    family.samples.push(sample);
  }
  for (const found of families.values()) if (found.type === "histogram") checkHistogram(found);
  return families;
}

function parseSample(line: string): Sample {
  const name = /^[a-zA-Z_:][a-zA-Z0-9_:]*/.exec(line)?.[0];
  if (name === undefined) throw new Error(`no name: ${line}`);
  let at = name.length;
  const labels: Record<string, string> = {};
  if (line[at] === "{") {
    at++;
    for (;;) {
      const label = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"/.exec(line.slice(at));
      if (label === null) throw new Error(`bad label at ${at}: ${line}`);
      const [whole, key = "", value = ""] = label;
      if (key in labels) throw new Error(`label twice: ${line}`);
      labels[key] = value.replaceAll(/\\(.)/g, (_, char: string) => (char === "n" ? "\n" : char));
      at += whole.length;
      if (line[at++] === ",") continue;
      if (line[at - 1] === "}") break;
      throw new Error(`bad end of labels: ${line}`);
    }
  }
  const value = /^ (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|[+-]Inf|NaN)$/.exec(line.slice(at))?.[1];
  if (value === undefined) throw new Error(`bad value: ${line}`);
  return { name, labels, value: Number(value.replace("Inf", "Infinity")) };
}

function checkHistogram(family: Family): void {
  const groups = new Map<string, { le: number; value: number }[]>();
  const counts = new Map<string, number>();
  for (const { name, labels, value } of family.samples) {
    const { le, ...others } = labels;
    const key = JSON.stringify(others);
    if (name.endsWith("_count")) counts.set(key, value);
    if (!name.endsWith("_bucket")) continue;
    const bucket = { le: Number(le?.replace("Inf", "Infinity")), value };
    groups.set(key, [...(groups.get(key) ?? []), bucket]);
  }
  for (const [key, buckets] of groups) {
    let former = { le: -Infinity, value: 0 };
    for (const bucket of buckets) {
      if (!(bucket.le > former.le) || bucket.value < former.value) {
        throw new Error(`buckets of ${family.name} do not rise: ${key}`);
      }
      former = bucket;
    }
    if (former.le !== Infinity || former.value !== counts.get(key)) {
      throw new Error(`the last bucket of ${family.name} is not its count: ${key}`);
    }
  }
}
