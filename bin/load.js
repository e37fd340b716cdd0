"use strict";

// Apart from `sluice`, because an old Node fails to parse `import()`; only a recent one gets here.

const { pathToFileURL } = require("node:url");

/** Runs the ES module at the absolute path `file`. */
module.exports = function load(file) {
  return import(pathToFileURL(file).href);
};
