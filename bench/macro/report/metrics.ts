/** What can be measured: names, units, and how a number is written. */

/** Name of a quantity. */
export type Metric =
  | "cpu"
  | "user"
  | "system"
  | "machine"
  | "rate"
  | "p50"
  | "p99"
  | "p999"
  | "rss"
  | "pss"
  | "cpuPerGiB"
  | "userPerGiB"
  | "systemPerGiB"
  | "machinePerGiB"
  | "gibPerSecond"
  | "connectionPss"
  | "connectionRss"
  | "start"
  | "resident"
  | "furtherWorker";

/** Measured numbers by name, each in the unit of {@link metrics}. */
export type Values = Readonly<Partial<Record<Metric, number>>>;

interface MetricText {
  /** Head of a column. */
  readonly title: string;
  readonly unit: string;
  readonly digits: number;
}

/** Title, unit and digits after the point of each metric. */
export const metrics: Readonly<Record<Metric, MetricText>> = {
  cpu: { title: "CPU/request", unit: "µs", digits: 1 },
  user: { title: "user", unit: "µs", digits: 1 },
  system: { title: "system", unit: "µs", digits: 1 },
  machine: { title: "machine/request", unit: "µs", digits: 1 },
  rate: { title: "requests/s", unit: "", digits: 0 },
  p50: { title: "p50", unit: "ms", digits: 3 },
  p99: { title: "p99", unit: "ms", digits: 3 },
  p999: { title: "p99.9", unit: "ms", digits: 3 },
  rss: { title: "RSS", unit: "MB", digits: 1 },
  pss: { title: "PSS", unit: "MB", digits: 1 },
  cpuPerGiB: { title: "CPU/GiB", unit: "s", digits: 3 },
  userPerGiB: { title: "user", unit: "s", digits: 3 },
  systemPerGiB: { title: "system", unit: "s", digits: 3 },
  machinePerGiB: { title: "machine/GiB", unit: "s", digits: 3 },
  gibPerSecond: { title: "GiB/s", unit: "", digits: 2 },
  connectionPss: { title: "PSS/connection", unit: "bytes", digits: 0 },
  connectionRss: { title: "RSS/connection", unit: "bytes", digits: 0 },
  start: { title: "first answer", unit: "s", digits: 3 },
  resident: { title: "RSS idle", unit: "MB", digits: 1 },
  furtherWorker: { title: "each further worker", unit: "MB", digits: 1 },
};

/** A number with the digits of its metric; a dash when there is none. */
export function format(metric: Metric, value: number | undefined): string {
  return value === undefined ? "–" : value.toFixed(metrics[metric].digits);
}

/** Title with unit, for the head of a table. */
export function heading(metric: Metric): string {
  const { title, unit } = metrics[metric];
  return unit === "" ? title : `${title}, ${unit}`;
}
