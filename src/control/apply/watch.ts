/**
 * Notices that files have changed. Editors replace files, orchestrators swap symbolic links, network file systems
 * report nothing: so the folders are watched, the files are looked at now and then besides, and only other
 * contents count as a change.
 */

import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";

import type { FSWatcher } from "chokidar";

import type { Scheduler } from "#core/time/scheduler.ts";

/** Events within this time are one change, in milliseconds. */
const DEBOUNCE = 200;
/** Time between two looks at the files themselves. */
const LOOK = 5000;

/** How files are watched. */
export interface WatchOptions {
  readonly scheduler: Scheduler;
  /** The contents of at least one file are others than at the last look. */
  readonly onChange: () => void;
  readonly log: (level: "warn", message: string, fields: Record<string, unknown>) => void;
}

/** Watches a set of files that may change. */
export class FileWatch {
  readonly #options: WatchOptions;
  #files: readonly string[] = [];
  #contents = "";
  #signature = "";
  #folders: FSWatcher | null = null;
  #cancelDebounce: (() => void) | null = null;
  #cancelLook: (() => void) | null = null;
  #closed = false;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** Watches these files from now on. While they stay the same set, no change between two calls is lost. */
  async watch(files: readonly string[]): Promise<void> {
    const wanted = files.map((file) => resolve(file)).toSorted();
    if (this.#folders !== null && same(wanted, this.#files)) return;
    this.#files = wanted;
    this.#signature = await signatureOf(wanted);
    this.#contents = await contentsOf(wanted);
    await this.#folders?.close();
    const { watch } = await import("chokidar");
    if (this.#isClosed()) return;
    const names = new Set(this.#files.map((file) => basename(file)));
    const folders = watch(Array.from(new Set(this.#files.map((file) => dirname(file)))), {
      depth: 0,
      ignoreInitial: true,
      persistent: false,
    });
    folders.on("all", (_event: string, path: string) => {
      // Kubernetes swaps `..data` beside the file, a link of which the file is part.
      if (names.has(basename(path)) || basename(path).startsWith("..")) this.#soon();
    });
    folders.on("error", (error) => {
      // The looks at the files go on; the change is then noticed a little later.
      this.#options.log("warn", `watching a folder for changes failed: ${String(error)}`, {});
    });
    this.#folders = folders;
    this.#cancelLook ??= this.#options.scheduler.after(LOOK, () => void this.#look());
  }

  /** Watches nothing any more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelDebounce?.();
    this.#cancelLook?.();
    await this.#folders?.close();
  }

  #isClosed(): boolean {
    return this.#closed;
  }

  #soon(): void {
    if (this.#closed) return;
    this.#cancelDebounce?.();
    this.#cancelDebounce = this.#options.scheduler.after(DEBOUNCE, () => void this.#compare());
  }

  async #compare(): Promise<void> {
    this.#cancelDebounce = null;
    const contents = await contentsOf(this.#files);
    if (this.#closed || contents === this.#contents) return;
    this.#contents = contents;
    this.#options.onChange();
  }

  async #look(): Promise<void> {
    const signature = await signatureOf(this.#files);
    if (this.#closed) return;
    this.#cancelLook = this.#options.scheduler.after(LOOK, () => void this.#look());
    if (signature === this.#signature) return;
    this.#signature = signature;
    this.#soon();
  }
}

async function contentsOf(files: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const file of files) {
    hash.update(file).update("\0");
    // A file that is gone for a moment, as editors do it, reads as empty: the next look finds the new one.
    hash.update(await readFile(file).catch(() => "")).update("\0");
  }
  return hash.digest("hex");
}

async function signatureOf(files: readonly string[]): Promise<string> {
  const parts = await Promise.all(
    files.map(async (file) => {
      const found = await stat(file).catch(() => null);
      return found === null ? "-" : `${found.dev}:${found.ino}:${found.size}:${found.mtimeMs}`;
    }),
  );
  return parts.join(" ");
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((file, i) => file === b[i]);
}
