/** Where time comes from. Passed in, never ambient, so that tests can move it. */
export interface Clock {
  /** Monotonic milliseconds since some fixed moment, with fractions: for durations and timers. */
  readonly now: () => number;
  /** Milliseconds since 1970-01-01 UTC: for dates that leave the process; may jump either way. */
  readonly wall: () => number;
}
