/**
 * Programs of regular expressions: what the parser writes and the matcher runs. One instruction for each
 * position in the expression, as in Thompson's construction.
 */

/** Symbols: code units 0 to 255, one for all characters beyond, and one for the end of the text. */
export const OTHER = 256;
export const END = 257;
export const SYMBOLS = 258;

/** What stands between two characters, or not. */
export type Assertion =
  | "begin-text"
  | "end-text"
  | "begin-line"
  | "end-line"
  | "word-edge"
  | "not-word-edge";

/** A set of the symbols 0 to 256: 1 = belongs to it. */
export type SymbolSet = Uint8Array;

/** One step; `next` and `other` are numbers of instructions. */
export type Instruction =
  | { readonly kind: "set"; readonly set: SymbolSet; next: number }
  | { readonly kind: "split"; next: number; other: number }
  | { readonly kind: "assert"; readonly assertion: Assertion; next: number }
  | { readonly kind: "match" };

/** A whole expression. */
export interface Program {
  readonly instructions: readonly Instruction[];
  readonly start: number;
}

/** What an expression is made of. */
export type Expression =
  | { readonly kind: "set"; readonly set: SymbolSet }
  | { readonly kind: "assert"; readonly assertion: Assertion }
  | { readonly kind: "sequence"; readonly parts: readonly Expression[] }
  | { readonly kind: "either"; readonly parts: readonly Expression[] }
  /** `max` -1: no limit. */
  | {
      readonly kind: "repeat";
      readonly part: Expression;
      readonly min: number;
      readonly max: number;
    };

/** More instructions than this are refused: the work for each character is proportional to their number. */
export const MAX_INSTRUCTIONS = 4096;

/** @returns null if the program would be larger than `MAX_INSTRUCTIONS` */
export function assemble(expression: Expression): Program | null {
  const assembler = new Assembler();
  const match = assembler.add({ kind: "match" });
  const start = assembler.place(expression, match);
  return start < 0 ? null : { instructions: assembler.instructions, start };
}

/** Writes an expression from its end to its start, so that each instruction knows what follows it. */
class Assembler {
  readonly instructions: Instruction[] = [];

  /** The number of the instruction, -1 if there is no room. */
  add(instruction: Instruction): number {
    if (this.instructions.length === MAX_INSTRUCTIONS) return -1;
    return this.instructions.push(instruction) - 1;
  }

  /** Where the expression begins if `next` follows it, -1 if there is no room. */
  place(expression: Expression, next: number): number {
    switch (expression.kind) {
      case "set":
        return this.add({ kind: "set", set: expression.set, next });
      case "assert":
        return this.add({ kind: "assert", assertion: expression.assertion, next });
      case "sequence":
        for (const part of expression.parts.toReversed()) {
          next = this.place(part, next);
          if (next < 0) return -1;
        }
        return next;
      case "either":
        return this.#either(expression.parts, next);
      case "repeat":
        return this.#repeat(expression.part, expression.min, expression.max, next);
    }
  }

  #either(parts: readonly Expression[], next: number): number {
    let start = -1;
    for (const part of parts.toReversed()) {
      const branch = this.place(part, next);
      if (branch < 0) return -1;
      start = start < 0 ? branch : this.add({ kind: "split", next: branch, other: start });
      if (start < 0) return -1;
    }
    return start;
  }

  #repeat(part: Expression, min: number, max: number, next: number): number {
    let start = next;
    if (max < 0) {
      const loop: Instruction = { kind: "split", next: -1, other: next };
      start = this.add(loop);
      if (start < 0) return -1;
      loop.next = this.place(part, start);
      if (loop.next < 0) return -1;
    }
    for (let i = min; i < max; i++) {
      const branch = this.place(part, start);
      start = branch < 0 ? -1 : this.add({ kind: "split", next: branch, other: next });
      if (start < 0) return -1;
    }
    for (let i = 0; i < min; i++) {
      const behind = start;
      start = this.place(part, behind);
      if (start < 0) return -1;
      // What takes no instruction takes none however often; nested, its counts would multiply.
      if (start === behind) break;
    }
    return start;
  }
}
