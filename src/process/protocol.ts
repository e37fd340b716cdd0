/**
 * What the control thread and a worker say to each other. Everything else that they share is memory.
 *
 * A generation is applied in two phases: `prepare` builds it beside the one that runs, `commit` puts it in
 * place. `discard` drops a prepared one. A worker that starts gets both phases with the current generation.
 */

/** A listening socket of the process, as one worker gets it: a descriptor of its own. */
export interface GrantedListener {
  /** Identity of the listener: its address as configured. */
  readonly id: string;
  /** Null: the platform cannot share sockets, and this worker, the only one, is to bind the address itself. */
  readonly fd: number | null;
}

/** From the control thread. */
export type ToWorker<Payload = unknown, Update = unknown> =
  | { readonly type: "prepare"; readonly id: number; readonly payload: Payload }
  | {
      readonly type: "commit";
      readonly id: number;
      /** Listeners to accept from, beside those that are open. */
      readonly open: readonly GrantedListener[];
      /** Listeners to leave. */
      readonly close: readonly string[];
    }
  | { readonly type: "discard"; readonly id: number }
  /** State that changes between generations, such as addresses of endpoints. */
  | { readonly type: "update"; readonly update: Update }
  /** Finish what is under way within `deadline` ms, take nothing new. */
  | { readonly type: "drain"; readonly deadline: number };

/** From a worker. */
export type FromWorker<Report = unknown> =
  | { readonly type: "prepared"; readonly id: number }
  | {
      readonly type: "refused";
      readonly id: number;
      readonly reason: string;
      /** Place in the configuration, such as `routes[3].use[0]`; null if it is not known. */
      readonly place: string | null;
    }
  | { readonly type: "committed"; readonly id: number }
  | { readonly type: "drained" }
  /** Anything that is not an answer: log lines, failed connects. */
  | { readonly type: "report"; readonly report: Report };

/** `workerData` of every worker. */
export interface WorkerStart<Boot = unknown> {
  /** Row of this worker in every table of shared memory. */
  readonly row: number;
  readonly workers: number;
  readonly heartbeats: SharedArrayBuffer;
  readonly boot: Boot;
}
