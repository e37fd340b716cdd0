/** Counts of what clients did, and what was wrong. */
export class Tally {
  /** Requests sent whole by clients that wait for the answer. */
  sent = 0;
  /** Answers that came whole and were right, by what was asked. */
  answered = 0;
  /** Requests whose connection was seen to end before their answer was whole. */
  cut = 0;
  /** Requests that their client left, sent whole or not. */
  left = 0;
  /** Connections that were told that there are too many. */
  refused = 0;
  /** Tunnels that have echoed. */
  tunnels = 0;
  /** Bytes of bodies that were compared. */
  compared = 0;
  readonly kinds: Map<string, number> = new Map();
  readonly failures: string[] = [];

  count(kind: string): void {
    this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1);
  }

  fail(what: string): void {
    if (this.failures.length >= 50) return;
    this.failures.push(`${new Date().toISOString().slice(11, 23)} ${what}`);
  }

  toString(): string {
    const kinds = Array.from(this.kinds.entries(), ([kind, count]) => `${kind} ${count}`);
    kinds.sort();
    return (
      `${this.sent} sent, ${this.answered} answered, ${this.cut} cut, ${this.left} left, ` +
      `${this.refused} refused, ${this.tunnels} tunnels, ${(this.compared / 1e6).toFixed(0)} MB compared ` +
      `(${kinds.join(", ")})`
    );
  }
}
