/** What the control plane waits with; tests pass their own. Workers have `Timers`. */
export interface Scheduler {
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Calls `task` once after `delay` ms, unless the returned function is called before. Does not keep the process alive. */
  readonly after: (delay: number, task: () => void) => () => void;
}
