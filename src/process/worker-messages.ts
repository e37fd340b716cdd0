import type { WorkerEvent } from "./workers.ts";

/** What the log says about an event. */
export interface WorkerMessage {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly code: string;
  readonly message: string;
}

/** Puts an event of the supervisor into words; null where there is nothing to say. */
export function messageOf(event: WorkerEvent): WorkerMessage | null {
  switch (event.type) {
    case "starting":
      return null;
    case "started":
      return { level: "debug", code: "worker_started", message: `worker ${event.row} runs` };
    case "died":
      return {
        level: "error",
        code: "worker_died",
        message: `worker ${event.row} is gone: ${event.reason}`,
      };
    case "silent": {
      const seconds = Math.round(event.silence / 1000);
      const message = `worker ${event.row} has given no sign of life for ${seconds} s`;
      return { level: "warn", code: "worker_silent", message };
    }
    case "restarting":
      if (event.delay === 0) return null;
      return {
        level: "info",
        code: "worker_restarting",
        message: `worker ${event.row} is started again in ${event.delay} ms`,
      };
    case "fatal":
      return { level: "error", code: "workers_fail", message: event.reason };
  }
}
