import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { dataFolder, openFolder } from "./data-folder.ts";

const user = { environment: {}, directory: "/srv", home: "/home/me", uid: 1000 };

test("the data folder is what --data says, else XDG's, else root's, else the user's own", () => {
  const environment = { XDG_DATA_HOME: "/xdg" };
  assert.equal(dataFolder({ ...user, data: "here", environment }), "/srv/here");
  assert.equal(dataFolder({ ...user, data: "/there", environment }), "/there");
  assert.equal(dataFolder({ ...user, environment }), "/xdg/sluice");
  assert.equal(dataFolder({ ...user, environment, uid: 0 }), "/xdg/sluice");
  assert.equal(dataFolder({ ...user, uid: 0 }), "/var/lib/sluice");
  assert.equal(dataFolder(user), "/home/me/.local/share/sluice");
  for (const odd of ["", "relative"]) {
    const folder = dataFolder({ ...user, environment: { XDG_DATA_HOME: odd } });
    assert.equal(folder, "/home/me/.local/share/sluice");
  }
});

test("a folder is made for its user alone; one that cannot be is said with the reason", async (t) => {
  const place = mkdtempSync(join(tmpdir(), "sluice-data-"));
  t.after(() => rmSync(place, { recursive: true, force: true }));
  const folder = join(place, "a/b");
  await openFolder(folder);
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  await openFolder(folder);
  writeFileSync(join(place, "file"), "");
  await assert.rejects(
    openFolder(join(place, "file/below")),
    /cannot be written to: a part of the path/,
  );
  await assert.rejects(openFolder("/dev/null/x"), /\/dev\/null\/x cannot be written to/);
});
