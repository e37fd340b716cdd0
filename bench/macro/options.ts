/** The command line of the benchmark. */

import { parseArgs } from "node:util";

/** What is to be run. */
export interface Options {
  /** Names of scenarios, or what stands before the last hyphen of several; empty for all. */
  readonly only: readonly string[];
  /** Names of peers; empty for all. */
  readonly peers: readonly string[];
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUp: number;
  readonly idleConnections: number;
  /** Runs the sources of this checkout instead of the package. */
  readonly checkout: boolean;
  /** Requests in a second for `fixed-rate`; 0 for 30 % of what saturates nginx. */
  readonly rate: number;
  /** Files to write. */
  readonly json: string | undefined;
  readonly markdown: string | undefined;
}

/** Printed by `--help`. */
export const usage = `npm run bench [-- OPTIONS]

  --only NAMES      scenarios, with commas between them: headline-64, or headline for all that begin so
  --peers NAMES     peers, with commas between them
  --rounds N        rounds over all peers (3)
  --seconds N       seconds of each measurement (3)
  --warm-up N       seconds of load before it (1); three times that where V8 compiles
  --connections N   connections of the scenario idle (8000); tls-idle has a quarter
  --rate N          requests/s of the scenario fixed-rate (30 % of what saturates nginx)
  --checkout        run the sources of this checkout instead of packing and installing it
  --quick           one short round with few peers and scenarios: shows that it works
  --json FILE       write every number
  --markdown FILE   write the report
  --list            names of scenarios and peers
`;

/** Scenarios and peers of `--quick`. */
const quick = {
  only: "headline-64,tls-64,fixed-rate,download,idle,start",
  peers: "sluice-uring,sluice-node,nginx",
};

function names(text: string | undefined): readonly string[] {
  return (text ?? "").split(",").filter((name) => name !== "");
}

function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least) {
    throw new Error(`--${name} takes a whole number from ${least} on, not ${text}`);
  }
  return value;
}

/** Reads the command line. @throws Error with a sentence for the user */
export function readOptions(
  args: readonly string[],
): Options & { readonly show?: "help" | "list" } {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string" },
      peers: { type: "string" },
      rounds: { type: "string" },
      seconds: { type: "string" },
      "warm-up": { type: "string" },
      connections: { type: "string" },
      rate: { type: "string" },
      checkout: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      json: { type: "string" },
      markdown: { type: "string" },
      help: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
    },
  });
  const isQuick = values.quick;
  const show = values.help ? "help" : values.list ? "list" : undefined;
  return {
    only: names(values.only ?? (isQuick ? quick.only : undefined)),
    peers: names(values.peers ?? (isQuick ? quick.peers : undefined)),
    rounds: wholeNumber("rounds", values.rounds ?? (isQuick ? "1" : "3"), 1),
    seconds: wholeNumber("seconds", values.seconds ?? (isQuick ? "1" : "3"), 1),
    warmUp: wholeNumber("warm-up", values["warm-up"] ?? "1", 0),
    idleConnections: wholeNumber(
      "connections",
      values.connections ?? (isQuick ? "500" : "8000"),
      1,
    ),
    rate: wholeNumber("rate", values.rate ?? (isQuick ? "2000" : "0"), 0),
    checkout: values.checkout || isQuick,
    json: values.json,
    markdown: values.markdown,
    ...(show === undefined ? {} : { show }),
  };
}

/** Whether `--only` takes the scenario `name`. */
export function isWanted(name: string, only: readonly string[]): boolean {
  return only.length === 0 || only.some((each) => name === each || name.startsWith(`${each}-`));
}
