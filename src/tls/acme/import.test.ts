import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { ManualScheduler } from "#core/time/scheduler.fixture.ts";
import { DAY, hierarchy } from "../certificates.fixture.ts";
import { DataError } from "../data-error.ts";
import { type Imported, importStore } from "./import.ts";

test("what certbot, Caddy and Traefik keep is taken over, each name once, and what has expired is not", async (t) => {
  const base = await mkdtemp(join(tmpdir(), "acme-import-"));
  t.after(() => rm(base, { recursive: true }));
  const at = (...parts: readonly string[]): string => join(base, ...parts);
  const put = async (file: string, text: string): Promise<void> => {
    await mkdir(join(file, ".."), { recursive: true });
    await writeFile(file, text);
  };
  const from = (path: string): Promise<Imported[]> =>
    importStore({
      from: at(path),
      dataFolder: at("data"),
      scheduler: new ManualScheduler(),
      wall: Date.now,
    });
  const kept = (name: string): Promise<string> =>
    readFile(at("data/acme/certificates", `${name}.pem`), "utf8");

  const bot = hierarchy(["a.example.com", "*.a.example.com"], { notAfter: Date.now() + 30 * DAY });
  await put(at("certbot/live/a.example.com/fullchain.pem"), bot.leaf.pem + bot.middle.pem);
  await put(at("certbot/live/a.example.com/privkey.pem"), bot.leaf.key);
  const old = hierarchy(["old.example.com"], { notAfter: Date.now() - DAY });
  await put(at("certbot/live/old.example.com/fullchain.pem"), old.leaf.pem);
  await put(at("certbot/live/old.example.com/privkey.pem"), old.leaf.key);
  const results = await from("certbot");
  assert.equal(results.filter(({ ok }) => ok).length, 2);
  assert.equal(results.length, 3);
  assert.ok(results.some(({ sentence }) => /old\.example\.com.* expired on/.test(sentence)));
  assert.ok((await kept("a.example.com")).includes(bot.middle.pem.trim()));
  await kept("wildcard_.a.example.com");

  // One that lives longer takes its place, one that does not leaves it.
  const caddy = hierarchy(["a.example.com"], { notAfter: Date.now() + 60 * DAY });
  const folder = "caddy/certificates/acme-v02/a.example.com/a.example.com";
  await put(at(`${folder}.crt`), caddy.leaf.pem);
  await put(at(`${folder}.key`), caddy.leaf.key);
  assert.deepEqual(
    (await from("caddy")).map(({ ok }) => ok),
    [true],
  );
  assert.ok((await kept("a.example.com")).includes(caddy.leaf.pem.trim()));
  await from("certbot");
  assert.ok((await kept("a.example.com")).includes(caddy.leaf.pem.trim()));

  const traefik = hierarchy(["t.example.com"]);
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const certificate = base64(traefik.leaf.pem + traefik.middle.pem);
  const Certificates = [{ domain: {}, certificate, key: base64(traefik.leaf.key) }];
  await put(at("acme.json"), JSON.stringify({ resolver: { Certificates } }));
  assert.deepEqual(
    (await from("acme.json")).map(({ ok }) => ok),
    [true],
  );
  assert.ok((await kept("t.example.com")).includes(traefik.leaf.pem.trim()));

  await assert.rejects(from("data"), DataError);
  await assert.rejects(from("nowhere"), DataError);
});
