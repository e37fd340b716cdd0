/**
 * Regular expressions that run in linear time, whatever the text: a deterministic automaton whose states are
 * built when they are first needed. RE2's way, for the question "does it match?" alone.
 */

import type { Parsed } from "../units.ts";
import { parse, RegexError } from "./parse.ts";
import {
  assemble,
  type Assertion,
  END,
  type Instruction,
  MAX_INSTRUCTIONS,
  OTHER,
  type Program,
  SYMBOLS,
} from "./program.ts";

/** States that are kept; with more, all are forgotten and built anew as needed. */
const MAX_STATES = 512;

const UNBUILT = 0;
const ACCEPT = 1;
const REJECT = 2;
/** States are numbered from here. */
const FIRST_STATE = 3;

/** What came before the next character. */
const BEGIN = 0;
const NEWLINE = 1;
const WORD = 2;
const ELSE = 3;

const LINE_FEED = 0x0a;

/**
 * Compiles an expression in RE2 syntax.
 * The failure's message says what is wrong and where, its hint what to do.
 */
export function compileRegex(source: string): Parsed<Regex> {
  try {
    const program = assemble(parse(source));
    if (program === null) {
      return {
        ok: false,
        message: "this regular expression is too large",
        hint: `counted repetitions are written out; all in all ${MAX_INSTRUCTIONS} steps are allowed`,
      };
    }
    return { ok: true, value: new Regex(program) };
  } catch (error) {
    if (!(error instanceof RegexError)) throw error;
    const rest = source.slice(error.offset, error.offset + 20);
    return {
      ok: false,
      message: `${error.message}${rest === "" ? "" : ` (at \`${rest}\`)`}`,
      hint: "regular expressions are written in the syntax of RE2",
    };
  }
}

/** Where an expression can be: before which instructions, and behind what kind of character. */
interface State {
  readonly positions: readonly number[];
  readonly before: number;
}

/** A compiled expression. It remembers states between calls, and nothing of the texts. */
export class Regex {
  readonly #instructions: readonly Instruction[];
  readonly #start: number;
  /** It can match only where the text begins. */
  readonly #anchored: boolean;
  /** Class of each symbol: symbols of one class lead to the same states. */
  readonly #classes: Uint16Array;
  readonly #classCount: number;
  /** A symbol of each class. */
  readonly #samples: readonly number[];
  #initial = UNBUILT;
  #states: State[] = [];
  #numbers = new Map<string, number>();
  /** State × class → state; grows with the states. */
  #table: Uint16Array;
  readonly #visited: Uint32Array;
  #visit = 0;

  constructor(program: Program) {
    this.#instructions = program.instructions;
    this.#start = program.start;
    this.#visited = new Uint32Array(program.instructions.length);
    const { classes, samples } = classify(program.instructions);
    this.#classes = classes;
    this.#samples = samples;
    this.#classCount = samples.length;
    this.#table = new Uint16Array(8 * this.#classCount);
    this.#anchored = this.#follow([program.start], ELSE, -1) === null;
  }

  /** Does the expression match somewhere in the text? Time is proportional to its length. */
  test(text: string): boolean {
    if (this.#initial === UNBUILT) this.#initial = this.#number([this.#start], BEGIN);
    let state = this.#initial;
    const classes = this.#classes;
    const length = text.length;
    for (let i = 0; i <= length; i++) {
      let symbol = END;
      if (i < length) {
        symbol = text.charCodeAt(i);
        if (symbol >= OTHER) {
          // Two halves of one character are one symbol.
          if ((symbol & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) i++;
          symbol = OTHER;
        }
      }
      const kind = classes[symbol]!;
      let next = this.#table[(state - FIRST_STATE) * this.#classCount + kind]!;
      if (next === UNBUILT) next = this.#build(state, kind);
      if (next === ACCEPT) return true;
      if (next === REJECT) return false;
      state = next;
    }
    return false;
  }

  /** The state that a class leads to, entered into the table. */
  #build(number: number, kind: number): number {
    const symbol = this.#samples[kind]!;
    const { positions, before } = this.#states[number - FIRST_STATE]!;
    const reached = this.#follow(positions, before, symbol);
    if (reached === "match") return this.#enter(number, kind, ACCEPT);
    if (symbol === END) return this.#enter(number, kind, REJECT);
    const next: number[] = [];
    for (const position of reached ?? []) {
      const instruction = this.#instructions[position]!;
      if (instruction.kind === "set" && instruction.set[symbol] === 1) next.push(instruction.next);
    }
    if (!this.#anchored) next.push(this.#start);
    if (next.length === 0) return this.#enter(number, kind, REJECT);
    if (this.#states.length === MAX_STATES) {
      this.#forget();
      return this.#number(next, kindOf(symbol));
    }
    return this.#enter(number, kind, this.#number(next, kindOf(symbol)));
  }

  #enter(number: number, kind: number, next: number): number {
    this.#table[(number - FIRST_STATE) * this.#classCount + kind] = next;
    return next;
  }

  #forget(): void {
    this.#initial = UNBUILT;
    this.#states = [];
    this.#numbers.clear();
    this.#table = new Uint16Array(8 * this.#classCount);
  }

  /** The number of a state, which is made if there is none. */
  #number(positions: readonly number[], before: number): number {
    const sorted = [...new Set(positions)].toSorted((a, b) => a - b);
    const key = `${before},${sorted.join(",")}`;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#states.push({ positions: sorted, before }) - 1 + FIRST_STATE;
    this.#numbers.set(key, number);
    const needed = this.#states.length * this.#classCount;
    if (needed > this.#table.length) {
      const grown = new Uint16Array(this.#table.length * 2);
      grown.set(this.#table);
      this.#table = grown;
    }
    return number;
  }

  /**
   * Follows splits and assertions from `positions`, between a character of kind `before` and `symbol` (-1: it
   * is not known, and assertions about what comes next are taken to hold).
   *
   * @returns the sets that are reached, "match" if the end is, null if nothing is
   */
  #follow(positions: readonly number[], before: number, symbol: number): number[] | "match" | null {
    const visit = ++this.#visit;
    const visited = this.#visited;
    const sets: number[] = [];
    const stack = [...positions];
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      if (visited[at] === visit) continue;
      visited[at] = visit;
      const instruction = this.#instructions[at]!;
      switch (instruction.kind) {
        case "match":
          return "match";
        case "set":
          sets.push(at);
          break;
        case "split":
          stack.push(instruction.other, instruction.next);
          break;
        case "assert":
          if (holds(instruction.assertion, before, symbol)) stack.push(instruction.next);
          break;
      }
    }
    return sets.length === 0 ? null : sets;
  }
}

function holds(assertion: Assertion, before: number, symbol: number): boolean {
  switch (assertion) {
    case "begin-text":
      return before === BEGIN;
    case "begin-line":
      return before === BEGIN || before === NEWLINE || symbol < 0;
    case "end-text":
      return symbol === END || symbol < 0;
    case "end-line":
      return symbol === END || symbol === LINE_FEED || symbol < 0;
    case "word-edge":
      return symbol < 0 || (before === WORD) !== isWord(symbol);
    case "not-word-edge":
      return symbol < 0 || (before === WORD) === isWord(symbol);
  }
}

function kindOf(symbol: number): number {
  if (symbol === LINE_FEED) return NEWLINE;
  return isWord(symbol) ? WORD : ELSE;
}

function isWord(symbol: number): boolean {
  return (
    (symbol >= 0x30 && symbol <= 0x39) ||
    (symbol >= 0x41 && symbol <= 0x5a) ||
    symbol === 0x5f ||
    (symbol >= 0x61 && symbol <= 0x7a)
  );
}

/** Puts symbols that no instruction tells apart into one class. */
function classify(instructions: readonly Instruction[]): {
  classes: Uint16Array;
  samples: number[];
} {
  const classes = new Uint16Array(SYMBOLS);
  let count = 1;
  /** Splits every class into those of its symbols that belong and those that do not. */
  const refine = (belongs: (symbol: number) => boolean): void => {
    const numbers = new Map<number, number>();
    for (let symbol = 0; symbol < SYMBOLS; symbol++) {
      const key = classes[symbol]! * 2 + (belongs(symbol) ? 1 : 0);
      let number = numbers.get(key);
      if (number === undefined) numbers.set(key, (number = numbers.size));
      classes[symbol] = number;
    }
    count = numbers.size;
  };
  refine((symbol) => symbol === END);
  const seen = new Set<Uint8Array>();
  let asserts = false;
  for (const instruction of instructions) {
    if (instruction.kind === "assert") asserts = true;
    if (instruction.kind !== "set" || seen.has(instruction.set)) continue;
    seen.add(instruction.set);
    refine((symbol) => instruction.set[symbol] === 1);
  }
  if (asserts) {
    refine((symbol) => symbol === LINE_FEED);
    refine(isWord);
  }
  const samples: number[] = Array.from({ length: count }, () => 0);
  for (let symbol = 0; symbol < SYMBOLS; symbol++) samples[classes[symbol]!] = symbol;
  return { classes, samples };
}
