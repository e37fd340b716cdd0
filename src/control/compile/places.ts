/** Places in a configuration that can be written in more than one way. */

import type { ConfigPath, SourceMap, SourcePosition } from "#config/source-map.ts";

/** The first of these places that the configuration holds; the last one if it holds none. */
export function firstWritten(sources: SourceMap, places: readonly ConfigPath[]): ConfigPath {
  return places.find((place) => isWritten(sources, place)) ?? places.at(-1) ?? [];
}

/** Where alternative `at` of a route's match can stand: as an item of a list, or as the match itself. */
export function alternatives(route: number, at: number): ConfigPath[] {
  const match: ConfigPath = ["routes", route, "match"];
  return at === 0 ? [[...match, 0], match] : [[...match, at]];
}

/** Does the configuration hold this very place, and not only something around it? */
export function isWritten(sources: SourceMap, place: ConfigPath): boolean {
  // What is not there has the position of what surrounds it, as something that cannot be there has.
  const around = sources.at([...place.slice(0, -1), "\u0000"]);
  return !samePosition(sources.at(place), around);
}

function samePosition(a: SourcePosition, b: SourcePosition): boolean {
  return a.line === b.line && a.column === b.column && a.length === b.length;
}
