/** Writes metrics as text: Prometheus' format 0.0.4, or OpenMetrics 1.0.0. */

import { BUCKETS, HISTOGRAM_CELLS } from "#model/shared/metrics-table.ts";
import type { Instrument } from "./instruments.ts";

/** What a scraper can be given. */
export type ExpositionFormat = "prometheus" | "openmetrics";

export const CONTENT_TYPES: Readonly<Record<ExpositionFormat, string>> = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/** The format that an `Accept` field asks for; Prometheus' own unless OpenMetrics is named and not refused. */
export function formatFor(accept: string | undefined): ExpositionFormat {
  const ranges = (accept ?? "").toLowerCase().split(",");
  const quality = (type: string): number =>
    Math.max(...ranges.map((range) => (range.trim().startsWith(type) ? qualityOf(range) : 0)));
  const open = quality("application/openmetrics-text");
  return open > 0 && open >= quality("text/plain") ? "openmetrics" : "prometheus";
}

function qualityOf(range: string): number {
  const found = /;\s*q=([0-9.]+)/.exec(range);
  return found === null ? 1 : Number(found[1]);
}

/** Collects the text of one scrape. */
export class ExpositionText {
  readonly #openMetrics: boolean;
  #text = "";
  /** Name and labels of the current family. */
  #name = "";
  #labels: readonly string[] = [];

  constructor(format: ExpositionFormat) {
    this.#openMetrics = format === "openmetrics";
  }

  /** Begins a family; its samples follow. */
  family(instrument: Instrument): this {
    this.#name = instrument.name;
    this.#labels = instrument.labels;
    // OpenMetrics names the family without the suffix that its samples have.
    const family =
      this.#openMetrics && instrument.type === "counter"
        ? instrument.name.replace(/_total$/, "")
        : instrument.name;
    this.#text += `# HELP ${family} ${instrument.help}\n# TYPE ${family} ${instrument.type}\n`;
    return this;
  }

  /** One sample; `values` of the family's labels in their order. */
  sample(value: number, ...values: readonly string[]): this {
    this.#text += `${this.#name}${this.#labelled(values, "")} ${number(value)}\n`;
    return this;
  }

  /** A histogram: counts by bucket, then the sum in milliseconds. Exposed in seconds, with counts that add up. */
  histogram(cells: Float64Array, ...values: readonly string[]): this {
    let count = 0;
    for (let bucket = 0; bucket <= BUCKETS.length; bucket++) {
      count += cells[bucket]!;
      const le = `le="${this.#bound(bucket)}"`;
      this.#text += `${this.#name}_bucket${this.#labelled(values, le)} ${number(count)}\n`;
    }
    const labels = this.#labelled(values, "");
    this.#text += `${this.#name}_sum${labels} ${number(cells[HISTOGRAM_CELLS - 1]! / 1000)}\n`;
    this.#text += `${this.#name}_count${labels} ${number(count)}\n`;
    return this;
  }

  /** All of it. */
  end(): string {
    return this.#openMetrics ? `${this.#text}# EOF\n` : this.#text;
  }

  #bound(bucket: number): string {
    const bound = BUCKETS[bucket];
    if (bound === undefined) return "+Inf";
    const text = String(bound / 1000);
    return this.#openMetrics && !text.includes(".") ? `${text}.0` : text;
  }

  #labelled(values: readonly string[], last: string): string {
    const labels = this.#labels.map((label, i) => `${label}="${escapeLabel(values[i] ?? "")}"`);
    if (last !== "") labels.push(last);
    return labels.length === 0 ? "" : `{${labels.join(",")}}`;
  }
}

const UNSAFE = /[\\"\n\u0000-\u0009\u000b-\u001f\u007f-\u009f\ud800-\udfff]/;

/** A label's value: `\`, `"` and line feeds escaped; other controls, which the formats have no escape for, replaced. */
export function escapeLabel(value: string): string {
  if (!UNSAFE.test(value)) return value;
  return value
    .toWellFormed()
    .replaceAll(/[\\"]/g, "\\$&")
    .replaceAll("\n", "\\n")
    .replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, "\ufffd");
}

function number(value: number): string {
  if (value === Infinity) return "+Inf";
  return value === -Infinity ? "-Inf" : String(value);
}
