"use strict";

// Apart from `sluice`, because an old Node fails to parse `import()`; only a recent one gets here.

const { pathToFileURL } = require("node:url");

const enableCompileCache = require("./compile-cache.js");

/** Runs the ES module at the absolute path `file`. */
module.exports = function load(file) {
  enableCompileCache(process.env);
  return import(pathToFileURL(file).href);
};
