/** Colours of a terminal, or none. */

const CODES = { dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

/** Puts a text into a colour. */
export type Paint = (colour: keyof typeof CODES, text: string) => string;

/** `enabled`: the output is a terminal that shows colours. */
export function painter(enabled: boolean): Paint {
  if (!enabled) return (_, text) => text;
  return (colour, text) => `\u001b[${CODES[colour]}m${text}\u001b[0m`;
}
