/** Requests to HTTP APIs that make records. */

import { parseJson } from "../read.ts";
import { dnsFault } from "./provider.ts";

/** Longest that an API may take, milliseconds. */
const LONGEST = 60_000;

/** One request with JSON. @throws AcmeError unless the answer is a good one. @returns the answer's JSON, undefined if it has none */
export async function callApi(
  method: "GET" | "POST" | "DELETE",
  url: string,
  token: string | null,
  body?: unknown,
): Promise<unknown> {
  let status: number;
  let text: string;
  try {
    const response = await fetch(url, {
      method,
      headers: {
        accept: "application/json",
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      redirect: "error",
      signal: AbortSignal.timeout(LONGEST),
    });
    status = response.status;
    text = await response.text();
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw dnsFault(`${hostOf(url)} cannot be reached: ${reason}`);
  }
  if (status >= 200 && status < 300) return parseJson(text);
  const said = text.replace(/\s+/g, " ").trim().slice(0, 200);
  throw dnsFault(`${hostOf(url)} answered with status ${status}${said === "" ? "" : `: ${said}`}`);
}

function hostOf(url: string): string {
  return new URL(url).host;
}
