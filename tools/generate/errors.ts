/** Writes docs/reference/errors.md from the table of failures. */

import { FAILURES, type FailureCode, type FailureMeaning, type Side } from "#core/errors.ts";
import { writeOrCheck } from "./output.ts";

const HEAD = `# Error codes

<!-- Generated from src/core/errors.ts by tools/generate/errors.ts; change the sentences there. -->

Whatever goes wrong with a request has one of these codes. It stands in the page that the client gets, in the
\`details\` of the \`Proxy-Status\` field of that answer, in the access log (\`failure\`) and in the metric
\`sluice_failures_total\`. Codes are stable: alerts and scripts may rely on them; sentences may change.

- **status** is that of the answer which the proxy makes. "–": an answer has begun already or nobody is left to read
  one, so the connection of the client is cut; in the rare case that nothing has been sent yet the answer is 502.
- **level** is the level of the line in the access log.
- **Proxy-Status** is the error type of RFC 9209.

What to do about them, by symptom: [troubleshooting](../guide/troubleshooting.md).
`;

const SECTIONS: readonly (readonly [side: Side, title: string])[] = [
  ["downstream", "The client and its request"],
  ["internal", "The proxy itself"],
  ["upstream", "The backend and its answer"],
];

const failures = Object.entries(FAILURES) as [FailureCode, FailureMeaning][];

function renderSection([side, title]: readonly [Side, string]): string {
  const rows = failures
    .filter(([, meaning]) => meaning.side === side)
    .map(([code, { status, level, proxyStatus, sentence }]) =>
      [
        "",
        ` <a id="${code}"></a>\`${code}\` `,
        ` ${status === 0 ? "–" : status} `,
        ` ${level} `,
        ` \`${proxyStatus}\` `,
        ` ${sentence.replaceAll("|", "\\|")} `,
        "",
      ].join("|"),
    );
  return [
    `## ${title}\n`,
    "| code | status | level | Proxy-Status | meaning |",
    "| --- | --- | --- | --- | --- |",
    ...rows,
    "",
  ].join("\n");
}

const text = [HEAD, ...SECTIONS.map(renderSection)].join("\n");
writeOrCheck("docs/reference/errors.md", text, import.meta.filename);
