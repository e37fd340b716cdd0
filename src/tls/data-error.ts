/** Something in the data folder that keeps Sluice from working, for people: what, and what to do. */
export class DataError extends Error {
  readonly hint: string;

  /** `message`: one clause without a full stop. */
  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}
