/**
 * `npm run build`: src/ becomes plain JavaScript with declarations in dist/, file for file.
 *
 * The compiler rewrites relative specifiers (`./x.ts` to `./x.js`). This rewrites the others,
 * `#folder/file.ts`: Node resolves them by the `imports` of package.json, which name src/. A nested
 * package.json in dist/ could map them too, but bundlers read the one at the root only.
 */

import { spawnSync } from "node:child_process";
import { existsSync, globSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";

const root = join(import.meta.dirname, "..");
const dist = join(root, "dist");

/** What may stand before a specifier: import and export in all their forms, and a resolution. */
const before = String.raw`(?:\bfrom\s*|\bimport\s*\(?\s*|\bimport\.meta\.resolve\(\s*)`;
const acrossFolders = new RegExp(String.raw`(${before})(["'])#([^"'\n]+)\.ts\2`, "gu");

/** Specifiers that nothing resolves in dist/. */
const unresolvable = new RegExp(
  String.raw`["'\x60]#[\w./-]+\.ts["'\x60]|(?:${before}|new URL\(\s*)["'\x60][^"'\x60\n]*\.ts["'\x60]`,
  "u",
);

function fail(message: string): never {
  process.stderr.write(`build: ${message}\n`);
  process.exit(1);
}

/** The specifier of `target` (a path in dist/ without extension) as seen from the emitted `file`. */
function relativeSpecifier(file: string, target: string): string {
  const path = relative(dirname(file), target).replaceAll(sep, "/");
  return path.startsWith(".") ? path : `./${path}`;
}

rmSync(dist, { recursive: true, force: true });

const compiler = spawnSync(
  process.execPath,
  [join(root, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.build.json"],
  { cwd: root, stdio: "inherit" },
);
if (compiler.status !== 0) fail("the compiler reported errors");
if (!existsSync(join(dist, "index.js"))) fail("dist/index.js was not written");

const broken: string[] = [];
for (const file of globSync("**/*.{js,d.ts}", { cwd: dist })) {
  const emitted = readFileSync(join(dist, file), "utf8");
  const text = emitted.replace(
    acrossFolders,
    (_, lead: string, quote: string, target: string) =>
      `${lead}${quote}${relativeSpecifier(file, target)}.js${quote}`,
  );
  if (text !== emitted) writeFileSync(join(dist, file), text);
  if (file.endsWith(".js") && unresolvable.test(text)) broken.push(file);
}
if (broken.length > 0) fail(`specifiers that end in .ts are left in: ${broken.join(", ")}`);
