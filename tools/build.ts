/**
 * `npm run build`: src/ becomes plain JavaScript with declarations in dist/.
 *
 * The compiler writes the declarations, file for file. The program is bundled: what a process starts with is a few
 * files that are read and compiled at once, instead of a hundred that are looked for one after the other. Each
 * composition root stays a file of its own, and so does what is loaded at first use.
 *
 * Declarations name others by `#folder/file.ts`, which Node resolves by the `imports` of package.json, to src/. A
 * nested package.json in dist/ could map them too, but bundlers read the one at the root only. So they are rewritten.
 */

import { spawnSync } from "node:child_process";
import { copyFileSync, globSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { type ChunkingContext, type CodeSplittingGroup, type Plugin, rolldown } from "rolldown";

const root = join(import.meta.dirname, "..");
const dist = join(root, "dist");
const source = (name: string): string => join(root, "src", `${name}.ts`);

/** What is run or imported by name: by `bin/sluice`, `exports` of package.json, and `src/reading.ts`. */
const ENTRIES = ["cli/main", "index", "sdk/index", "sdk/config", "light", "worker"];

/** What may stand before a specifier in a declaration. */
const before = String.raw`(?:\bfrom\s*|\bimport\s*\(?\s*)`;
const acrossFolders = new RegExp(String.raw`(${before})(["'])#([^"'\n]+)\.ts\2`, "gu");
/** Specifiers that nothing resolves in dist/. */
const unresolvable = /["'\x60]#[\w./-]+\.ts["'\x60]/u;

function fail(message: string): never {
  process.stderr.write(`build: ${message}\n`);
  process.exit(1);
}

/** The specifier of `target` (a path in dist/ without extension) as seen from the emitted `file`. */
function relativeSpecifier(file: string, target: string): string {
  const path = relative(dirname(file), target).replaceAll(sep, "/");
  return path.startsWith(".") ? path : `./${path}`;
}

function writeDeclarations(): void {
  const compiler = spawnSync(
    process.execPath,
    [join(root, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.build.json"],
    { cwd: root, stdio: "inherit" },
  );
  if (compiler.status !== 0) fail("the compiler reported errors");
  const broken: string[] = [];
  for (const file of globSync("**/*.d.ts", { cwd: dist })) {
    const emitted = readFileSync(join(dist, file), "utf8");
    const text = emitted.replace(
      acrossFolders,
      (_, lead: string, quote: string, target: string) =>
        `${lead}${quote}${relativeSpecifier(file, target)}.js${quote}`,
    );
    if (text !== emitted) writeFileSync(join(dist, file), text);
    if (unresolvable.test(text)) broken.push(file);
  }
  if (broken.length > 0) fail(`specifiers that end in .ts are left in: ${broken.join(", ")}`);
}

/** The modules that `name` loads before its first line runs, itself included. */
function loadedBy(name: string, context: ChunkingContext): Set<string> {
  const loaded = new Set([source(name)]);
  for (const id of loaded) {
    for (const imported of context.getModuleInfo(id)?.importedIds ?? []) loaded.add(imported);
  }
  return loaded;
}

/**
 * The files beside the entries: what a worker has in common with others, the schema of configurations, what the command
 * line loads before it knows the command, and what every proxy runs in its main thread. What is left goes with
 * whoever loads it.
 */
function chunks(): CodeSplittingGroup[] {
  const known = new Map<string, Set<string>>();
  // Whatever waits for these would wait for itself.
  const alone = new Set(["cli/main", "worker"].map(source));
  const group = (
    name: string,
    belongs: (loads: (...entries: readonly string[]) => boolean) => boolean,
  ): CodeSplittingGroup => ({
    debugName: name,
    name: (id, context) => {
      const loads = (...entries: readonly string[]): boolean =>
        entries.some((entry) => {
          const modules = known.get(entry) ?? loadedBy(entry, context);
          known.set(entry, modules);
          return modules.has(id);
        });
      return !alone.has(id) && belongs(loads) ? name : null;
    },
  });
  const groups = [
    group("shared", (loads) => loads("worker", "light") && loads("index", "cli/main")),
    group("schema", (loads) => loads("sdk/config")),
    group("base", (loads) => loads("cli/main") && loads("index")),
    group("control", (loads) => loads("index")),
  ];
  return groups.map((each, i) => ({ ...each, priority: groups.length - i }));
}

/**
 * zod carries its sentences in fifty languages, and loads them all. Ours are our own; the English ones stand behind
 * them. So zod is taken into the bundle, without the others: that is a third of what it takes to start.
 */
const oneLanguage: Plugin = {
  name: "one language",
  load: (id) =>
    /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/u.test(id)
      ? `export { default as en } from "./en.js";`
      : null,
};

async function writeProgram(): Promise<void> {
  const bundle = await rolldown({
    cwd: root,
    platform: "node",
    tsconfig: false,
    input: Object.fromEntries(ENTRIES.map((name) => [name, source(name)])),
    // npm packages are the installer's, but for the one below.
    external: /^(?!zod$)[a-z@]/u,
    plugins: [oneLanguage],
    onLog: (level, log) => {
      if (level !== "debug") fail(log.message);
    },
  });
  await bundle.write({
    dir: dist,
    format: "esm",
    entryFileNames: "[name].js",
    // Beside the entries, because what they find by `import.meta.url` is beside them.
    chunkFileNames: "[name].js",
    codeSplitting: { groups: chunks() },
  });
  await bundle.close();
  copyFileSync(join(root, "node_modules/zod/LICENSE"), join(dist, "schema.LICENSE"));
}

rmSync(dist, { recursive: true, force: true });
writeDeclarations();
await writeProgram();
