/** Paths and listeners: what is forwarded is what was sent, and what is matched is what a backend resolves. */

import assert from "node:assert/strict";
import { get } from "../../harness/client.ts";
import { ANYTHING } from "../../harness/proxy.ts";
import { response } from "../../harness/origin.ts";
import { scene } from "../../harness/scene.ts";
import { statusOf, valueOf } from "../../harness/wire.ts";

const ADMIN = { matches: [{ ...ANYTHING, paths: [{ kind: "prefix", path: "/admin" }] }] } as const;

for (const target of [
  "/@scope%2Fpkg",
  "/a/./b/../c",
  "//double//slashes",
  "/a%20b?c=%2F&d=%00x",
  "/presigned?X-Amz-Signature=abc%2Fdef%3D",
  "/tilde~%7Eend",
  "/a;jsessionid=1/b",
  "/?",
  "/back\\slash",
]) {
  scene(`${target} is forwarded byte for byte`, {}, async (stage) => {
    const { backend } = await stage.exchange(get(target));
    assert.equal((await backend.readHead()).startLine, `GET ${target} HTTP/1.1`);
  });
}

for (const target of ["/a%00b", "/%00", "/a/../%00"]) {
  for (const pathPolicy of ["strict", "lenient"] as const) {
    scene(
      `${target} is refused, ${pathPolicy} or not`,
      { route: { pathPolicy } },
      async (stage) => {
        const client = await stage.client();
        client.send(get(target));
        assert.equal(statusOf(await client.readResponse()), 400);
        assert.equal(stage.origin.accepted, 0);
      },
    );
  }
}

for (const target of [
  "/public/..%2fadmin",
  "/public/%2e%2e%2fadmin",
  "/public%2f..%2fadmin",
  "/public\\..\\admin",
  "/public/..;/admin",
  "//admin",
  "/%2561dmin",
  "/public/%252e%252e/admin",
  "/public/%c0%ae%c0%ae/admin",
]) {
  scene(
    `${target} is refused where readings of it differ in the route`,
    { routes: [ADMIN, {}] },
    async (stage) => {
      const client = await stage.client();
      client.send(get(target));
      const answer = await client.readResponse();
      assert.equal(statusOf(answer), 400);
      assert.match(valueOf(answer, "proxy-status") ?? "", /path_ambiguous/);
      assert.equal(stage.origin.accepted, 0);
    },
  );
}

scene("no route gives 404 that says so", { routes: [ADMIN] }, async (stage) => {
  const client = await stage.client();
  client.send(get("/elsewhere", "Accept: application/json"));
  const answer = await client.readResponse();
  assert.equal(statusOf(answer), 404);
  const page = JSON.parse(answer.body.toString()) as { code: string; requestId: string };
  assert.equal(page.code, "no_route");
  assert.equal(page.requestId, valueOf(answer, "x-request-id"));
});

scene("TLS bytes on a plain port get a TLS alert", {}, async (stage) => {
  const client = await stage.client();
  client.send(Buffer.from("160301020001000001fc0303", "hex"));
  const { bytes, ending } = await client.readToEnd();
  assert.equal(bytes.toString("hex"), "15030300020246", "fatal, protocol_version");
  assert.equal(ending, "fin");
  assert.deepEqual(stage.proxy.records, []);
});

scene("TLS bytes behind a request are no TLS", {}, async (stage) => {
  const { client, backend } = await stage.exchange(get("/") + "\x16\x03\x01");
  await backend.readHead();
  backend.send(response("200 OK"));
  await client.readResponse();
  assert.equal(statusOf(await client.readResponse()), 400);
});
