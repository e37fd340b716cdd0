"use strict";

// Node keeps what V8 has compiled in a folder, and a start takes half the time. Compiled code is run as it is found, so
// whoever can write to that folder can run code as the user of this process. Hence: the user's own folder for such
// things, if nobody else but root can write to it or put another in its place; else none, silently.

const fs = require("node:fs");
const nodeModule = require("node:module");
const os = require("node:os");
const path = require("node:path");

const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

/** Lets this thread, and workers through `environment`, keep compiled code. Node's own variables go before. */
module.exports = function enableCompileCache(environment) {
  if (environment.NODE_COMPILE_CACHE || environment.NODE_DISABLE_COMPILE_CACHE) return;
  // Where users have no number there are no permissions that could be looked at.
  if (process.geteuid === undefined) return;
  try {
    const folder = prepare(environment.XDG_CACHE_HOME);
    if (!isPrivate(folder, process.geteuid())) return;
    nodeModule.enableCompileCache(folder);
    environment.NODE_COMPILE_CACHE = folder;
  } catch {
    // A home that cannot be written to or is not there: everything is compiled anew.
  }
};

/** The folder's real name; it exists. A home is never made. */
function prepare(wanted) {
  const given = wanted !== undefined && path.isAbsolute(wanted);
  const caches = given ? wanted : path.join(os.homedir(), ".cache");
  for (const folder of [caches, path.join(caches, "sluice")]) {
    if (!fs.existsSync(folder)) fs.mkdirSync(folder, { mode: 0o700 });
  }
  return fs.realpathSync(path.join(caches, "sluice"));
}

/** Whether `user` alone can enter `folder`, and nobody but root and this user decides what its name stands for. */
function isPrivate(folder, user) {
  const { uid, mode } = fs.statSync(folder);
  if (uid !== user || (mode & OTHERS) !== 0) return false;
  for (let at = folder; at !== path.dirname(at);) {
    at = path.dirname(at);
    const above = fs.statSync(at);
    if (above.uid !== user && above.uid !== 0) return false;
    // In a sticky folder others can add to what is there, and not replace it.
    if ((above.mode & OTHERS_WRITE) !== 0 && (above.mode & STICKY) === 0) return false;
  }
  return true;
}
