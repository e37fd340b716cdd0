import assert from "node:assert/strict";
import { test } from "node:test";
import { CONTINUE, type FilterContext } from "#sdk/index.ts";
import { type DefineConfig, defineConfig as untyped } from "./define.ts";
import type { InlineFilter } from "./input.ts";
import type { filters } from "./testing/stand-ins.ts";

const defineConfig: DefineConfig<typeof filters> = untyped;

// The compiler is the test: an error that does not come makes its `@ts-expect-error` an error.

test("defineConfig: returns what it is given", () => {
  const config = { upstreams: { api: 3000 } };
  assert.equal(defineConfig(config), config);
});

test("defineConfig: `to` accepts the names of the upstreams beside it and no others", () => {
  defineConfig({
    upstreams: { api: 1, web: "localhost:2" },
    routes: [{ to: "api" }, { to: "web" }],
  });
  // @ts-expect-error -- `apii` is no upstream
  defineConfig({ upstreams: { api: 1, web: 2 }, routes: [{ to: "apii" }] });
  const make = defineConfig((environment) => ({
    upstreams: { api: environment["TARGET"] ?? 3000 },
    routes: [{ to: "api" }],
  }));
  assert.equal(typeof make, "function");
});

test("defineConfig: a filter takes its own options and no others", () => {
  const upstreams = { api: 1 };
  defineConfig({
    upstreams,
    routes: [{ to: "api", use: [{ stripPrefix: "/a" }, { bodyLimit: { max: "1MB" } }] }],
  });
  // @ts-expect-error -- the options of `stripPrefix` are a string
  defineConfig({ upstreams, routes: [{ to: "api", use: [{ stripPrefix: 5 }] }] });
  // @ts-expect-error -- there is no such filter
  defineConfig({ upstreams, routes: [{ to: "api", use: [{ stripPrefx: "/a" }] }] });
});

test("defineConfig: filters may be written in place, with their context typed", () => {
  defineConfig({
    upstreams: { api: 1 },
    routes: [
      {
        to: "api",
        use: [
          (context) => {
            context.request.host = context.clientIp;
            return CONTINUE;
          },
          { onEnd: (_context, outcome) => assert.equal(outcome.status, 200) },
        ],
      },
    ],
  });
  // @ts-expect-error -- a hook has to return a verdict
  const wrong: InlineFilter = (context: FilterContext) => context.request.path;
  assert.ok(wrong);
});

test("defineConfig: unknown keys and values are the compiler's to refuse", () => {
  // @ts-expect-error -- misspelt
  defineConfig({ upstream: { api: 1 } });
  // @ts-expect-error -- not one of the choices
  defineConfig({ upstreams: { api: { endpoints: 1, balance: "fair" } } });
  // @ts-expect-error -- a duration has a unit
  defineConfig({ upstreams: { api: 1 }, timeouts: { connect: 5 } });
});
