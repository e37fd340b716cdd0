import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { interpretations } from "#core/http/interpretations.ts";
import { normalise } from "#core/http/path.ts";
import { Plan } from "../plan.ts";
import { request, type RouteOptions, snapshot } from "./route.fixture.ts";
import { route } from "./route.ts";

function planned(
  routes: readonly RouteOptions[],
  authority: string,
  target: string,
  method = "GET",
): Plan {
  const plan = new Plan();
  route(snapshot(routes), request(method, authority, target), "192.0.2.1", plan);
  return plan;
}

describe("route", () => {
  it("routes by lower-case host without port and dot, normalised path and query", () => {
    const routes: RouteOptions[] = [
      { hosts: ["example.com"], paths: ["/a/:id"], query: { q: { kind: "present" } } },
    ];
    const plan = planned(routes, "EXAMPLE.com.:8080", "/x/../a/%7Euser?q=1");
    assert.equal(plan.fault, "path_ambiguous");
    const plain = planned(routes, "EXAMPLE.com.:8080", "/a/%7euser?q=1&r");
    assert.equal(plain.route?.name, "a");
    assert.equal(plain.hostname, "example.com");
    assert.equal(plain.path, "/a/~user");
    assert.equal(plain.query, "q=1&r");
    assert.deepEqual([...plain.params], [["id", "~user"]]);
  });

  it("leaves the target as the client sent it, byte for byte", () => {
    const target = "/a/../b/%7e%2f;x//y?%zz=?#".slice(0, -1);
    assert.equal(planned([{ lenient: true }], "a.test", target).target, target);
  });

  it("sends the Host that the route's policy says", () => {
    const host = (policy: RouteOptions["host"]): string =>
      planned([policy === undefined ? {} : { host: policy }], "A.test:81", "/").host;
    assert.equal(host(undefined), "A.test:81");
    assert.equal(host({ kind: "literal", value: "app.internal" }), "app.internal");
    assert.equal(host({ kind: "endpoint" }), "");
  });

  it("has no route for what nothing matches", () => {
    const plan = planned([{ paths: ["/a"] }], "a.test", "/b");
    assert.equal(plan.fault, "no_route");
    assert.equal(plan.route, null);
  });

  it("refuses hosts that are none and paths that are none, lenient or not", () => {
    assert.equal(planned([{}], "a b", "/").fault, "request_host_invalid");
    for (const target of ["/%00", "/a%0", "/%zz", "a", ""]) {
      assert.equal(
        planned([{ lenient: true }], "a.test", target).fault,
        "request_target_invalid",
        target,
      );
    }
  });

  it("takes a request of HTTP/1.0 without Host to routes for any host", () => {
    assert.equal(planned([{ hosts: ["a.test"] }, {}], "", "/").route?.name, "b");
  });

  it("takes `OPTIONS *` to a route for every path of the host, else to none", () => {
    const routes: RouteOptions[] = [{ hosts: ["a.test"] }, { paths: ["/x"] }];
    assert.equal(planned(routes, "a.test", "*", "OPTIONS").route?.name, "a");
    assert.equal(planned(routes, "b.test", "*", "OPTIONS").fault, "no_route");
  });

  it("leaves no parameters of a route that was refused", () => {
    const routes: RouteOptions[] = [{ paths: ["/:a/:b"] }, { paths: ["/x/*"] }];
    const plan = planned(routes, "a.test", "/y/..%2fx");
    assert.equal(plan.fault, "path_ambiguous");
    assert.equal(plan.params.size, 0);
  });
});

describe("route: ambiguous paths", () => {
  const routes: RouteOptions[] = [{ paths: ["/admin/*"] }, { paths: ["/public/*"] }, {}];

  it("refuses a path that servers read as one of another route", () => {
    for (const target of [
      "/public/..%2Fadmin/x",
      "/public/..%5Cadmin",
      "/public/..\\admin",
      "/public/%252e%252e/admin",
      "//admin",
      "/public/..;/admin",
      "/admin;x/y",
      "/public/../admin/x",
      "/admin%2Fx",
      "/x/%c0%ae%c0%ae/admin",
    ]) {
      assert.equal(planned(routes, "a.test", target).fault, "path_ambiguous", target);
    }
  });

  it("passes an encoded slash and the like when every reading has one route", () => {
    for (const target of [
      "/public/@scope%2Fpkg",
      "/public/a;v=1/b",
      "/public/a//b",
      "/public/a%20b",
      "/q%2F/r",
    ]) {
      assert.equal(planned(routes, "a.test", target).fault, null, target);
    }
  });

  it("compares nothing when all the routes in question are lenient", () => {
    const lenient = routes.map((one): RouteOptions => ({ ...one, lenient: true }));
    assert.equal(planned(lenient, "a.test", "/public/..%2Fadmin/x").route?.name, "b");
  });

  it("refuses when only the other route is strict, also when the own reading has none", () => {
    const mixed: RouteOptions[] = [
      { paths: ["/admin/*"] },
      { paths: ["/public/*"], lenient: true },
    ];
    assert.equal(planned(mixed, "a.test", "/public/..%2Fadmin/x").fault, "path_ambiguous");
    assert.equal(planned(mixed, "a.test", "/x/..%2F..%2Fadmin").fault, "path_ambiguous");
  });

  it("refuses a path with more readings than can be compared, lenient or not", () => {
    const target = `/${"%252e%252e%252f;a%255c//".repeat(20)}x`;
    assert.equal(interpretations(target), null);
    assert.equal(planned([{ lenient: true }], "a.test", target).fault, "path_ambiguous");
  });

  it("never lets a path through whose readings lead to different routes", () => {
    const part = fc.constantFrom(
      "public",
      "admin",
      "..",
      ".",
      "",
      "%2F",
      "%2e%2e",
      "..%2f",
      "\\",
      "%5c",
      ";",
      ";x",
      "%252f",
      "%25",
      "a",
    );
    const paths = fc.array(fc.tuple(part, fc.constantFrom("/", "")), { maxLength: 8 });
    const linked = snapshot(routes);
    fc.assert(
      fc.property(paths, (parts) => {
        const target = `/${parts.flat().join("")}`;
        const plan = new Plan();
        const head = request("GET", "a.test", target);
        route(linked, head, "", plan);
        if (plan.fault !== null) return;
        const match = (path: string): string | undefined =>
          linked.router.match("a.test", path, "", head, "", null)?.name;
        assert.equal(match(normalise(target) ?? ""), plan.route?.name);
        for (const reading of interpretations(target) ?? []) {
          assert.equal(match(reading), plan.route?.name, reading);
        }
      }),
      { numRuns: 500 },
    );
  });
});
