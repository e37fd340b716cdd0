/** `npm run architecture:table`: the import table as Markdown, as it stands in ARCHITECTURE.md. */

import { type Layer, layers } from "./layers.ts";

/** `^src/core/` → `core`; a file keeps its name; what is left of a pattern is written out. */
function readable(pattern: string): string {
  return pattern
    .replace(/^\^src\//u, "")
    .replace("(?!cli/|index[.]ts|light[.]ts|worker[.]ts)", "every folder but cli")
    .replace("(?:route|balance)", "{route,balance}")
    .replace("(?:app|api)", "{app,api}")
    .replace(/\/\[\^\/\]\+\[\.\]ts/u, "/*.ts")
    .replace("telemetry/(?!sinks/)", "telemetry (not sinks)")
    .replace(
      "(?:memory|protocol|heartbeat|heap|idle-memory)",
      "{memory,protocol,heartbeat,heap,idle-memory}",
    )
    .replaceAll("[.]", ".")
    .replace(/[/$]+$/u, "");
}

function list(lists: Readonly<Record<string, readonly string[]>>): string {
  const parts = Object.entries(lists).map(([where, names]) => {
    const readableNames = names.map((name) => name.replace("[^/]+", "*")).join(", ");
    return where === "" ? readableNames : `${readableNames} (in ${readable(where)})`;
  });
  return parts.join("; ") || "none";
}

function row(layer: Layer): string {
  const imports = layer.imports.map(readable);
  const types = (layer.types ?? []).map((pattern) => `${readable(pattern)} (types)`);
  const builtins = layer.builtins === "any" ? "any" : list(layer.builtins ?? {});
  const cells = [
    `\`${layer.name}\``,
    [...imports, ...types].join(", ") || "nothing",
    list(layer.packages ?? {}),
    builtins,
  ];
  return `| ${cells.join(" | ")} |`;
}

process.stdout.write(
  [
    "| layer | may import | npm packages | `node:` modules |",
    "| --- | --- | --- | --- |",
    ...layers.map(row),
    "",
  ].join("\n"),
);
