/** The filters of a route, made and sorted by hook. */

import type { FilterChain, LinkedFilter } from "#dataplane/linked.ts";
import type { FilterData } from "#model/snapshot.ts";
import type { Filter, FilterKind } from "#sdk/filter.ts";

/** A snapshot that cannot run; the configuration before it goes on. */
export class LinkError extends Error {
  /** Where in the configuration: `routes[3].use[0]`. */
  readonly place: string;

  constructor(place: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.place = place;
  }
}

/** Where filters come from. */
export interface FilterSource {
  readonly filters: ReadonlyMap<string, FilterKind>;
  inline(place: string): Filter | null;
}

const NONE: FilterChain = {
  all: [],
  requestHead: [],
  requestData: [],
  responseHead: [],
  end: [],
};

/** @throws LinkError if one of them cannot be made */
export function linkFilters(filters: readonly FilterData[], source: FilterSource): FilterChain {
  if (filters.length === 0) return NONE;
  const all = filters.map((filter) => linkFilter(filter, source));
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

function linkFilter(data: FilterData, source: FilterSource): LinkedFilter {
  const { name, place } = data;
  try {
    if (data.kind === "inline") {
      const filter = source.inline(place);
      if (filter === null) throw new Error("the configuration's module has none here");
      return { name, place, pure: false, filter };
    }
    const kind = source.filters.get(name);
    if (kind === undefined) throw new Error("there is none of that name");
    return { name, place, pure: kind.pure, filter: kind.create(data.config) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new LinkError(place, `the filter ${name} cannot be made: ${reason}`, error);
  }
}
