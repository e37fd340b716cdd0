/** The filters of a route, made and sorted by hook. */

import type { FilterChain, LinkedFilter } from "#dataplane/linked.ts";
import type { FilterData } from "#model/snapshot.ts";
import { FILTER_SEED_BYTES } from "#model/worker.ts";
import type {
  Answer,
  Filter,
  FilterEnvironment,
  FilterKind,
  FilterMemory,
  Question,
} from "#sdk/filter.ts";

/** A snapshot that cannot run; the configuration before it goes on. */
export class LinkError extends Error {
  /** Where in the configuration: `routes[3].use[0]`. */
  readonly place: string;

  constructor(place: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.place = place;
  }
}

/** What filters have of their worker. */
export interface FilterRuntime {
  /** Monotonic milliseconds that all workers share. */
  now(): number;
  /** Calls back once; the function that it returns takes that back. */
  after(milliseconds: number, callback: () => void): () => void;
  /** The row of this worker. */
  readonly row: number;
  /** Memory by its key; undefined if there is none. */
  memory(key: string): SharedArrayBuffer | undefined;
}

/** Where filters come from. */
export interface FilterSource {
  readonly filters: ReadonlyMap<string, FilterKind>;
  inline(place: string): Filter | null;
  readonly runtime: FilterRuntime;
  /** @throws Error if the snapshot has no such upstream */
  ask(upstream: string, question: Question): Promise<Answer>;
}

const NONE: FilterChain = {
  all: [],
  requestHead: [],
  requestData: [],
  responseHead: [],
  end: [],
};

/** Is this the route's cache? */
export function isCache(filter: FilterData): boolean {
  return filter.kind === "built-in" && filter.name === "cache";
}

/** @throws LinkError if one of them cannot be made */
export function linkFilters(
  listed: readonly FilterData[],
  route: string,
  source: FilterSource,
): FilterChain {
  const filters = listed.filter((filter) => !isCache(filter));
  if (filters.length === 0) return NONE;
  const all = filters.map((filter) => linkFilter(filter, route, source));
  const having = (hook: keyof Filter): number[] =>
    [...all.keys()].filter((index) => all[index]?.filter[hook] !== undefined);
  return {
    all,
    requestHead: having("onRequestHead"),
    requestData: having("onRequestData"),
    // The first filter to see the request is the last to see the answer.
    responseHead: having("onResponseHead").toReversed(),
    end: having("onEnd").toReversed(),
  };
}

function linkFilter(data: FilterData, route: string, source: FilterSource): LinkedFilter {
  const { name, place } = data;
  try {
    if (data.kind === "inline") {
      const filter = source.inline(place);
      if (filter === null) throw new Error("the configuration's module has none here");
      return { name, place, pure: false, observe: false, slot: -1, summary: "", filter };
    }
    const kind = source.filters.get(name);
    if (kind === undefined) throw new Error("there is none of that name");
    const { config, observe, slot } = data;
    const summary = kind.summary?.(config) ?? "";
    const filter = kind.create(config, environmentOf(data, route, source));
    return { name, place, pure: kind.pure, observe, slot, summary, filter };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new LinkError(place, `the filter ${name} cannot be made: ${reason}`, error);
  }
}

function environmentOf(
  { memory }: Extract<FilterData, { kind: "built-in" }>,
  route: string,
  source: FilterSource,
): FilterEnvironment {
  const { runtime } = source;
  return {
    route,
    memory: memory === null ? null : memoryOf(memory.key, runtime),
    now: () => runtime.now(),
    after: (milliseconds, callback) => runtime.after(milliseconds, callback),
    ask: (upstream, question) => source.ask(upstream, question),
  };
}

function memoryOf(key: string, runtime: FilterRuntime): FilterMemory {
  const buffer = runtime.memory(key);
  if (buffer === undefined) throw new Error("there is no memory for it");
  const seed = new Uint32Array(buffer, 0, FILTER_SEED_BYTES / Uint32Array.BYTES_PER_ELEMENT);
  return { buffer, seed, offset: FILTER_SEED_BYTES, row: runtime.row };
}
