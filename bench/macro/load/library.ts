/** Every set of requests that a scenario sends, written to files at first use. */

import { bareRequest, browserHeads, lastRequest, postRequest } from "./heads.ts";
import { type RequestFile, writeRequests } from "./wrk.ts";

/** Requests of one kind. */
export interface RequestSet extends RequestFile {
  /** The first of them. */
  readonly first: string;
  /** Bytes of body in each answer, and in each request. */
  readonly answerBytes: number;
  readonly bodyBytes: number;
}

/** Name of a set. */
export type RequestName =
  | "headline"
  | "bare"
  | "last"
  | "100k"
  | "download"
  | "upload"
  | "post"
  | "routes-10"
  | "routes-10000";

/** Gives the set of a name. */
export type RequestLibrary = (name: RequestName) => RequestSet;

const HEADS = 10_000;
const KIBIBYTE = 1024;
const LARGE = 10 * KIBIBYTE * KIBIBYTE;

/** The n-th of ten route numbers from all over `routes` of them. */
function routeNumber(index: number, routes: number): number {
  return Math.round(((index % 10) * (routes - 1)) / 9);
}

function routed(routes: number): readonly string[] {
  return browserHeads(HEADS, (index) => `/service-${routeNumber(index, routes)}`);
}

interface Recipe {
  readonly requests: () => readonly string[];
  readonly answer: number;
  readonly body?: number;
}

const recipes: Readonly<Record<RequestName, Recipe>> = {
  headline: { requests: () => browserHeads(HEADS), answer: KIBIBYTE },
  bare: { requests: () => [bareRequest("/bare")], answer: KIBIBYTE },
  last: { requests: () => [lastRequest("/bare")], answer: KIBIBYTE },
  "100k": { requests: () => [bareRequest("/100k")], answer: 100 * KIBIBYTE },
  download: { requests: () => [bareRequest("/10m")], answer: LARGE },
  upload: { requests: () => [postRequest("/sink", LARGE)], answer: 0, body: LARGE },
  post: { requests: () => [postRequest("/sink", 10 * KIBIBYTE)], answer: 0, body: 10 * KIBIBYTE },
  "routes-10": { requests: () => routed(10), answer: KIBIBYTE },
  "routes-10000": { requests: () => routed(10_000), answer: KIBIBYTE },
};

/** A library whose files lie in `folder`. */
export function requestLibrary(folder: string): RequestLibrary {
  const made = new Map<RequestName, RequestSet>();
  return (name) => {
    const known = made.get(name);
    if (known !== undefined) return known;
    const { requests, answer, body = 0 } = recipes[name];
    const texts = requests();
    const set: RequestSet = {
      ...writeRequests(folder, name, texts),
      first: texts[0] ?? "",
      answerBytes: answer,
      bodyBytes: body,
    };
    made.set(name, set);
    return set;
  };
}
