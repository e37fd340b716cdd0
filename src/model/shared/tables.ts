/** The tables of shared memory together, as every thread opens them. */

import { EndpointTable } from "./endpoint-table.ts";
import { LineReader, LineWriter, lineQueueBytes } from "./line-queue.ts";
import { MetricsTable } from "./metrics-table.ts";
import { WorkerTable } from "./worker-table.ts";
import type { Region } from "../worker.ts";

/** The tables of one thread: what it writes goes to its own row. */
export interface SharedTables {
  readonly endpoints: EndpointTable;
  readonly workers: WorkerTable;
  readonly metrics: MetricsTable;
  /** Lines of the access log: each worker writes its own, and the control thread reads all. */
  readonly lines: {
    readonly writer: () => LineWriter;
    readonly readers: () => LineReader[];
  };
}

/** Bytes of each region, for so many workers. */
export function tableSizes(workers: number): Record<Region, number> {
  return {
    endpoints: EndpointTable.byteLength(workers),
    workers: WorkerTable.byteLength(workers),
    metrics: MetricsTable.byteLength(workers),
    lines: lineQueueBytes(workers),
  };
}

/**
 * Opens the tables.
 *
 * @param row number of the worker that opens them, or `workers` for the control thread
 */
export function openTables(
  memory: Readonly<Record<Region, SharedArrayBuffer>>,
  workers: number,
  row: number,
): SharedTables {
  const table = new WorkerTable(memory.workers, workers, row);
  return {
    endpoints: new EndpointTable(memory.endpoints, workers, row, table.ring),
    workers: table,
    metrics: new MetricsTable(memory.metrics, workers, row),
    lines: {
      writer: () => new LineWriter(memory.lines, row, () => table.ring(workers)),
      readers: () => Array.from({ length: workers }, (_, of) => new LineReader(memory.lines, of)),
    },
  };
}

/** Gives back everything that a dead worker had taken. To be called after its thread has ended. */
export function clearWorker(tables: SharedTables, row: number): void {
  tables.endpoints.clearWorker(row);
  tables.workers.clearWorker(row);
}
