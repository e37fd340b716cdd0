/**
 * What the documentation says is held to what there is: links lead somewhere, configurations pass `sluice check`,
 * programs compile, files and scripts that are named exist, and defaults are those of the schema.
 */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { parse } from "yaml";
import { checkConfig, explainRequest } from "#app.ts";
import { GREETING_ENDS } from "#dataplane/accept/greeting.ts";
import { FAILURE_CODES } from "#core/errors.ts";
import { FILTER_SCHEMAS } from "#filters/schemas.ts";
import { toJsonSchema } from "../generate/json-schema.ts";

const root = join(import.meta.dirname, "../..");

const pages = globSync(["*.md", "docs/**/*.md", "src/**/README.md", "examples/**/README.md"], {
  cwd: root,
}).toSorted();

/** A fenced block of code. */
interface Block {
  readonly page: string;
  readonly line: number;
  readonly language: string;
  readonly text: string;
}

const read = (page: string): string => readFileSync(join(root, page), "utf8");

/** All blocks of a page, and its text without them. */
function takeApart(page: string): { readonly blocks: readonly Block[]; readonly prose: string } {
  const blocks: Block[] = [];
  const prose: string[] = [];
  let open: { fence: string; language: string; line: number; lines: string[] } | null = null;
  for (const [index, line] of read(page).split("\n").entries()) {
    const fence = /^ *(`{3,})(\w*)/.exec(line);
    if (open === null && fence !== null) {
      open = { fence: fence[1] ?? "", language: fence[2] ?? "", line: index + 1, lines: [] };
    } else if (open !== null && line.trim() === open.fence) {
      const { language, line: first, lines } = open;
      blocks.push({ page, line: first, language, text: `${lines.join("\n")}\n` });
      open = null;
    } else if (open === null) {
      prose.push(line);
    } else {
      open.lines.push(line);
    }
  }
  assert.equal(open, null, `${page}: a block is not closed`);
  return { blocks, prose: prose.join("\n") };
}

/** The id that a heading gets (as GitHub makes it), for each heading and anchor of a page. */
function anchorsOf(page: string): Set<string> {
  const { prose } = takeApart(page);
  const headings = [...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replaceAll(" ", "-"),
  );
  const named = [...prose.matchAll(/<a id="([^"]+)">/g)].map(([, id = ""]) => id);
  return new Set([...headings, ...named]);
}

test("every relative link leads to a file, and to a heading if it names one", () => {
  const broken: string[] = [];
  for (const page of pages) {
    for (const [, target = ""] of takeApart(page).prose.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [file = "", anchor] = target.split("#");
      const path = file === "" ? page : join(dirname(page), file);
      if (!existsSync(join(root, path))) broken.push(`${page}: ${target}`);
      else if (anchor !== undefined && !anchorsOf(path).has(anchor)) {
        broken.push(`${page}: ${target} (no such heading)`);
      }
    }
  }
  assert.deepEqual(broken, []);
});

test("every file and npm script that is named exists", () => {
  const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
  const missing: string[] = [];
  for (const page of pages) {
    const text = read(page);
    for (const [, file = ""] of text.matchAll(
      /`((?:src|test|tools|bench|examples|docs|bin)\/[\w./-]+)`/g,
    )) {
      if (!existsSync(join(root, file))) missing.push(`${page}: ${file}`);
    }
    for (const [, script = ""] of text.matchAll(/\bnpm run (?:-\S+ )?([a-z][\w:-]*)/g)) {
      if (scripts[script] === undefined) missing.push(`${page}: npm run ${script}`);
    }
  }
  assert.deepEqual(missing, []);
});

/** What the examples take from the environment. */
const ENVIRONMENT = {
  PORT: "8080",
  APP_URL: "http://localhost:3000",
  INTERNAL_TOKEN: "a-token",
};

/**
 * A whole configuration of what an example shows: a step of `use`, some keys, or everything. Whatever it leaves out is
 * put behind it, so that lines keep their numbers.
 */
function completed(text: string): string {
  const value: unknown = parse(text.replaceAll(/\$\{[^}]*\}/g, "x"));
  if (Array.isArray(value)) {
    const isRoutes = value.some((item: object) => "match" in item);
    const indented = text.replaceAll(/^(?=.)/gm, isRoutes ? "  " : "      ");
    const routes = isRoutes
      ? `routes:\n${indented}`
      : `routes:\n  - match: /prefix/:id\n    to: app\n    use:\n${indented}`;
    return completed(routes);
  }
  const keys = value as {
    readonly upstreams?: Readonly<Record<string, unknown>>;
    readonly routes?: readonly { readonly to?: string }[];
  };
  let whole = text;
  if (keys.upstreams === undefined) {
    const named = (keys.routes ?? []).flatMap(({ to }) => (to === undefined ? [] : [to]));
    // Filters name upstreams as well.
    const asked = [...text.matchAll(/forwardAuth: \{ to: (\w+)/g)].map(([, name = ""]) => name);
    const names = new Set([...(keys.routes === undefined ? ["app"] : named), ...asked]);
    for (const name of names) whole += `${whole === text ? "upstreams:\n" : ""}  ${name}: :3000\n`;
  } else if (keys.routes === undefined) {
    whole += "routes:\n";
    for (const name of Object.keys(keys.upstreams)) {
      whole += `  - match: ${name}.example.com\n    to: ${name}\n`;
    }
  }
  return whole;
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-docs-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

const blocks = pages.flatMap((page) => takeApart(page).blocks);

test("every configuration in YAML passes `sluice check` without a warning", async (t) => {
  const directory = temporaryFolder(t);
  writeFileSync(join(directory, "token"), "a-token\n");
  mkdirSync(join(directory, "tls"));
  for (const [name, kind] of [
    ["staff-ca.pem", "CERTIFICATE"],
    ["internal-ca.pem", "CERTIFICATE"],
    ["staff.crl", "X509 CRL"],
  ] as const) {
    writeFileSync(join(directory, "tls", name), `-----BEGIN ${kind}-----\nMA==\n`);
  }
  for (const list of ["office.txt", "blocklist.txt"]) writeFileSync(join(directory, list), "");
  let seen = 0;
  for (const { page, line, language, text } of blocks) {
    // A first line that names another file says that it is somebody else's.
    if (language !== "yaml" || /^# (?!sluice)[\w.-]+\.ya?ml$/m.test(text)) continue;
    seen++;
    writeFileSync(join(directory, "sluice.yaml"), completed(text));
    const source = { configFile: "sluice.yaml" };
    const result = await checkConfig({ source, directory, environment: ENVIRONMENT, color: false });
    assert.deepEqual(
      { ok: result.ok, text: result.text },
      { ok: true, text: "" },
      `${page}:${line}`,
    );
  }
  assert.ok(seen > 20, `only ${seen} examples were found`);
});

test("what the commands print is what the documentation shows of it", async (t) => {
  const directory = temporaryFolder(t);
  const tour = blocks.find(
    ({ page, text }) => page === "README.md" && text.includes("stripPrefix"),
  );
  assert.ok(tour !== undefined);
  const options = {
    source: { configFile: "sluice.yaml" },
    directory,
    environment: {},
    color: false,
  };
  let seen = 0;
  for (const { page, line, language, text } of blocks) {
    if (language !== "console") continue;
    const [command = "", ...shown] = text.split("\n");
    const [, method, url] = /sluice explain ([A-Z]+) '([^']+)'$/.exec(command) ?? [];
    let printed: string;
    if (method !== undefined && url !== undefined) {
      writeFileSync(join(directory, "sluice.yaml"), tour.text);
      const request = { method, url, headers: [], clientIp: "127.0.0.1" };
      printed = (await explainRequest(options, request)).text;
    } else if (command.endsWith("sluice check")) {
      writeFileSync(join(directory, "sluice.yaml"), tour.text.replace("to: api\n", "to: apii\n"));
      printed = (await checkConfig(options)).text;
    } else {
      continue;
    }
    seen++;
    // An ellipsis on a line of its own stands for the rest.
    const cut = shown.findIndex((each) => each.trim() === "…");
    const wanted = cut < 0 ? shown : shown.slice(0, cut);
    const lines = printed.split("\n").slice(0, wanted.length);
    assert.deepEqual(lines, wanted, `${page}:${line}`);
  }
  assert.ok(seen >= 3, `only ${seen} were found`);
});

test("every program in TypeScript compiles, and configurations pass `sluice check`", async (t) => {
  // Inside the repository: that is where the compiler finds the types of packages.
  const directory = join(root, "node_modules/.cache/sluice-docs", String(process.pid));
  mkdirSync(directory, { recursive: true });
  t.after(() => rmSync(directory, { recursive: true }));
  const programs = blocks.filter(
    ({ page, language }) => language === "ts" && !page.includes("adr"),
  );
  assert.ok(programs.length >= 4, `only ${programs.length} programs were found`);
  for (const [index, { text }] of programs.entries()) {
    const preamble = text.includes("export default") ? "" : "export {};\n";
    writeFileSync(join(directory, `program${index}.ts`), preamble + text);
  }
  writeFileSync(
    join(directory, "tsconfig.json"),
    JSON.stringify({
      extends: join(root, "tsconfig.json"),
      compilerOptions: {
        isolatedDeclarations: false,
        declaration: false,
        noUnusedLocals: false,
        paths: {
          sluice: [join(root, "src/index.ts")],
          "sluice/sdk": [join(root, "src/sdk/index.ts")],
        },
      },
      include: ["*.ts"],
      exclude: [],
    }),
  );
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const { stdout, status } = spawnSync(process.execPath, [tsc, "-p", directory], {
    encoding: "utf8",
  });
  const places = programs.map(({ page, line }, index) => `program${index}.ts is ${page}:${line}`);
  assert.equal(status, 0, `${stdout}\n${places.join("\n")}`);

  const folder = temporaryFolder(t);
  for (const [index, { page, line, text }] of programs.entries()) {
    if (!text.includes("defineConfig(")) continue;
    // Another name for each: a module that was imported stays what it was.
    const configFile = `sluice${index}.config.ts`;
    writeFileSync(join(folder, configFile), text);
    const source = { configFile };
    const result = await checkConfig({
      source,
      directory: folder,
      environment: ENVIRONMENT,
      color: false,
    });
    assert.deepEqual(
      { ok: result.ok, text: result.text },
      { ok: true, text: "" },
      `${page}:${line}`,
    );
  }
});

test("every error code is documented, and no other is", () => {
  const reference = anchorsOf("docs/reference/errors.md");
  assert.deepEqual(
    FAILURE_CODES.filter((code) => !reference.has(code)),
    [],
  );
  const known = new Set<string>([...FAILURE_CODES, ...GREETING_ENDS]);
  const rows = read("docs/guide/troubleshooting.md").matchAll(/^\|[^|]*\| (`[^|]*`) +\|/gm);
  const named = [...rows].flatMap(([, cell = ""]) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code),
  );
  assert.ok(named.length > 20, "the table of troubleshooting.md was not found");
  assert.deepEqual(
    named.filter((code) => !known.has(code)),
    [],
  );
});

test("the table of time limits has every one of them with its default", () => {
  const { timeouts } = toJsonSchema(FILTER_SCHEMAS).properties ?? {};
  const expected = Object.entries(timeouts?.properties ?? {}).map(([name, schema]) => [
    name,
    String(schema.default),
  ]);
  const rows = read("docs/guide/upstreams.md").matchAll(/^\| `(\w+)` +\| `(\d+m?[smh])` +\|/gm);
  const written = [...rows].map(([, name = "", value = ""]) => [name, value]);
  assert.deepEqual(Object.fromEntries(written), Object.fromEntries(expected));
});

test("the import table of ARCHITECTURE.md is the one that is checked", () => {
  const [, written = ""] =
    /<!-- imports: .*? -->\n(.*?)\n<!-- end of imports -->/s.exec(read("ARCHITECTURE.md")) ?? [];
  const { stdout } = spawnSync(process.execPath, [join(root, "tools/architecture/table.ts")], {
    encoding: "utf8",
  });
  // The formatter pads cells; what counts is what stands in them.
  const plain = (table: string): string => table.replaceAll(/ +|-{3,}/g, " ").trim();
  assert.equal(plain(written), plain(stdout));
  assert.notEqual(plain(stdout), "");
});
