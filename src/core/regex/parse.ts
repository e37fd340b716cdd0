/**
 * The syntax of RE2, as far as it says whether a text matches: capturing groups group, and lazy repetitions
 * repeat. Without what RE2 lacks too (backreferences, look-around), and without Unicode classes (`\pL`).
 */

import type { Assertion, Expression, SymbolSet } from "./program.ts";
import {
  addRange,
  addSet,
  emptySet,
  foldCase,
  LETTER_CLASSES,
  MAX_CODE_POINT,
  NAMED_CLASSES,
  negate,
  setOf,
} from "./symbols.ts";

/** Repeat counts beyond this are refused, as in RE2. */
const MAX_REPEAT = 1000;
/** Groups in groups beyond this are refused; the parser calls itself for each. */
const MAX_DEPTH = 200;

/** What is wrong with an expression. */
export class RegexError extends Error {
  /** Where, in UTF-16 units from the start of the expression. */
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** `(?ims)`. */
interface Flags {
  ignoreCase: boolean;
  multiline: boolean;
  dotAll: boolean;
}

const NOT_NEWLINE: SymbolSet = negate(setOf("\n\n"));
const ANYTHING: SymbolSet = negate(emptySet());
const CONTROLS: ReadonlyMap<string, number> = new Map([
  ["a", 0x07],
  ["f", 0x0c],
  ["n", 0x0a],
  ["r", 0x0d],
  ["t", 0x09],
  ["v", 0x0b],
]);
const ASSERTIONS: ReadonlyMap<string, Assertion> = new Map([
  ["A", "begin-text"],
  ["z", "end-text"],
  ["b", "word-edge"],
  ["B", "not-word-edge"],
]);

/** Reads an expression. @throws RegexError */
export function parse(source: string): Expression {
  const parser = new Parser(source);
  const expression = parser.either({ ignoreCase: false, multiline: false, dotAll: false }, 0);
  if (!parser.atEnd) throw parser.error("this `)` closes nothing");
  return expression;
}

class Parser {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  get atEnd(): boolean {
    return this.#at >= this.#source.length;
  }

  error(message: string, offset = this.#at): RegexError {
    return new RegexError(message, offset);
  }

  /** `a|b`, to the end or to a `)`. Flags that are set inside hold until there. */
  either(outer: Flags, depth: number): Expression {
    if (depth > MAX_DEPTH) throw this.error("groups are nested too deeply");
    const flags = { ...outer };
    const parts: Expression[] = [this.#sequence(flags, depth)];
    while (this.#take("|")) parts.push(this.#sequence(flags, depth));
    return parts.length === 1 ? parts[0]! : { kind: "either", parts };
  }

  #sequence(flags: Flags, depth: number): Expression {
    const parts: Expression[] = [];
    while (!this.atEnd && this.#peek() !== "|" && this.#peek() !== ")") {
      if (this.#take("\\Q")) {
        this.#quoted(flags, parts);
        continue;
      }
      const part = this.#single(flags, depth);
      if (part !== null) parts.push(this.#repeated(part));
    }
    return parts.length === 1 ? parts[0]! : { kind: "sequence", parts };
  }

  /** `\Q…\E`; a repetition behind it is one of its last character. */
  #quoted(flags: Flags, parts: Expression[]): void {
    const close = this.#source.indexOf("\\E", this.#at);
    const end = close < 0 ? this.#source.length : close;
    while (this.#at < end) parts.push(this.#literal(this.#codePoint(), flags));
    if (close >= 0) this.#at += 2;
    const last = parts.pop();
    if (last !== undefined) parts.push(this.#repeated(last));
  }

  /** Something that can be repeated; null for `(?i)`, which only sets flags. */
  #single(flags: Flags, depth: number): Expression | null {
    const offset = this.#at;
    const code = this.#codePoint();
    switch (String.fromCodePoint(code)) {
      case "(":
        return this.#group(flags, depth);
      case "[":
        return { kind: "set", set: this.#class(offset, flags) };
      case ".":
        return { kind: "set", set: flags.dotAll ? ANYTHING : NOT_NEWLINE };
      case "^":
        return { kind: "assert", assertion: flags.multiline ? "begin-line" : "begin-text" };
      case "$":
        return { kind: "assert", assertion: flags.multiline ? "end-line" : "end-text" };
      case "*":
      case "+":
      case "?":
        throw this.error("there is nothing to repeat before this", offset);
      case "\\":
        return this.#escape(offset, flags);
      default:
        return this.#literal(code, flags, offset);
    }
  }

  #repeated(part: Expression): Expression {
    const offset = this.#at;
    const count = this.#count();
    if (count === null) return part;
    if (count.min > MAX_REPEAT || count.max > MAX_REPEAT) {
      throw this.error(`repeated more than ${MAX_REPEAT} times`, offset);
    }
    if (count.max >= 0 && count.max < count.min) {
      throw this.error("the counts of this repetition are the wrong way round", offset);
    }
    // Lazy or not makes a difference to what is matched, none to whether.
    this.#take("?");
    const second = this.#at;
    if (this.#count() !== null)
      throw this.error("a repetition of a repetition needs a group", second);
    return { kind: "repeat", part, min: count.min, max: count.max };
  }

  /** `*`, `+`, `?`, `{2}`, `{2,}`, `{2,5}`; a brace that begins none of these is a character. */
  #count(): { min: number; max: number } | null {
    if (this.#take("*")) return { min: 0, max: -1 };
    if (this.#take("+")) return { min: 1, max: -1 };
    if (this.#take("?")) return { min: 0, max: 1 };
    const counts = this.#match(/\{(\d{1,9})(?:(,)(\d{0,9}))?\}/y);
    if (counts === null) return null;
    const min = Number(counts[1]);
    if (counts[2] === undefined) return { min, max: min };
    return { min, max: counts[3] === "" ? -1 : Number(counts[3]) };
  }

  /** Behind `(`. */
  #group(flags: Flags, depth: number): Expression | null {
    const start = this.#at - 1;
    let inner = flags;
    if (this.#peek() === "?") {
      const named = this.#match(/\?P?<[A-Za-z_][A-Za-z0-9_]*>/y);
      if (named === null) {
        const set = this.#match(/\?([imsU]*)(?:-([imsU]+))?([:)])/y);
        if (set === null) throw this.error(groupProblem(this.#source.slice(start)), start);
        const changed = {
          ignoreCase: flag("i", flags.ignoreCase, set),
          multiline: flag("m", flags.multiline, set),
          dotAll: flag("s", flags.dotAll, set),
        };
        if (set[3] === ")") {
          Object.assign(flags, changed);
          return null;
        }
        inner = changed;
      }
    }
    const expression = this.either(inner, depth + 1);
    if (!this.#take(")")) throw this.error("this group is not closed", start);
    return expression;
  }

  /** Behind `[`. */
  #class(start: number, flags: Flags): SymbolSet {
    const negated = this.#take("^");
    let set = emptySet();
    for (let isFirst = true; isFirst || this.#peek() !== "]"; isFirst = false) {
      if (this.atEnd) throw this.error("this class is not closed", start);
      const whole = this.#classInClass(flags);
      if (whole !== null) addSet(set, whole);
      else this.#classRange(set);
    }
    this.#at++;
    if (flags.ignoreCase) set = foldCase(set);
    return negated ? negate(set) : set;
  }

  /** `\d`, `[:alpha:]`. */
  #classInClass(flags: Flags): SymbolSet | null {
    const offset = this.#at;
    const letter = this.#match(/\\([dswDSWpP])/y);
    if (letter !== null) return this.#letterClass(letter[1]!, offset);
    const named = this.#match(/\[:(\^?)(\w*):\]/y);
    if (named === null) return null;
    const set = NAMED_CLASSES.get(named[2]!);
    if (set === undefined) throw this.error(`\`${named[0]}\` is not a class`, offset);
    return named[1] === "^" ? negate(flags.ignoreCase ? foldCase(set) : set) : set;
  }

  /** `a`, `a-z`. */
  #classRange(set: SymbolSet): void {
    const offset = this.#at;
    const from = this.#classCharacter();
    let to = from;
    // A `-` before the closing bracket is itself.
    if (this.#peek() === "-" && this.#source[this.#at + 1] !== "]") {
      this.#at++;
      if (this.atEnd) throw this.error("this class is not closed", offset);
      to = this.#classCharacter();
    }
    if (to < from) throw this.error("this range is the wrong way round", offset);
    if (!addRange(set, from, to)) throw this.error(BEYOND, offset);
  }

  #classCharacter(): number {
    const offset = this.#at;
    const code = this.#codePoint();
    return code === BACKSLASH ? this.#escapedCharacter(offset) : code;
  }

  /** Behind a backslash, outside of classes. */
  #escape(offset: number, flags: Flags): Expression {
    const letter = this.#peek();
    const assertion = ASSERTIONS.get(letter);
    if (assertion !== undefined) {
      this.#at++;
      return { kind: "assert", assertion };
    }
    if (/[dswDSWpP]/.test(letter)) {
      this.#at++;
      return { kind: "set", set: this.#letterClass(letter, offset) };
    }
    return this.#literal(this.#escapedCharacter(offset), flags, offset);
  }

  #letterClass(letter: string, offset: number): SymbolSet {
    const set = LETTER_CLASSES.get(letter);
    if (set === undefined)
      throw this.error("Unicode classes are not supported: list the characters", offset);
    return set;
  }

  /** Behind a backslash: `\n`, `\x7F`, `\x{e9}`, `\012`, `\.`. */
  #escapedCharacter(offset: number): number {
    if (this.atEnd) throw this.error("nothing follows the backslash", offset);
    const hex = this.#match(/x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})/y);
    if (hex !== null) {
      const code = Number.parseInt(hex[1] ?? hex[2]!, 16);
      if (code > MAX_CODE_POINT) throw this.error("there is no such character", offset);
      return code;
    }
    // As in RE2, a single digit but 0 would be a backreference.
    const octal = this.#match(/0[0-7]{0,2}|[1-7][0-7]{1,2}/y);
    if (octal !== null) return Number.parseInt(octal[0], 8);
    const code = this.#codePoint();
    const character = String.fromCodePoint(code);
    const control = CONTROLS.get(character);
    if (control !== undefined) return control;
    if (/[1-9]/.test(character)) throw this.error("backreferences are not supported", offset);
    if (code < 0x80 && !/\w/.test(character)) return code;
    throw this.error(`\`\\${character}\` has no meaning`, offset);
  }

  #literal(code: number, flags: Flags, offset = this.#at): Expression {
    const set = emptySet();
    if (!addRange(set, code, code)) throw this.error(BEYOND, offset);
    return { kind: "set", set: flags.ignoreCase ? foldCase(set) : set };
  }

  #peek(): string {
    return this.#source[this.#at] ?? "";
  }

  #take(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #match(sticky: RegExp): RegExpExecArray | null {
    sticky.lastIndex = this.#at;
    const found = sticky.exec(this.#source);
    if (found !== null) this.#at += found[0].length;
    return found;
  }

  /** The next character; the caller knows that there is one. */
  #codePoint(): number {
    const code = this.#source.codePointAt(this.#at) ?? 0;
    this.#at += code > 0xffff ? 2 : 1;
    return code;
  }
}

const BACKSLASH = 0x5c;
const BEYOND =
  "characters beyond U+00FF can be matched only all together, as in `[^\\x{0}-\\x{ff}]`";

function flag(letter: string, before: boolean, found: RegExpExecArray): boolean {
  if (found[2]?.includes(letter) === true) return false;
  return before || found[1]!.includes(letter);
}

function groupProblem(group: string): string {
  if (/^\(\?<?[=!]/.test(group))
    return "look-around is not supported: it cannot run in linear time";
  return "this kind of group is not known";
}
