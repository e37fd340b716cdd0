/** TLS to backends: verified unless said otherwise, and every failure has its name. */

import assert from "node:assert/strict";
import type { TlsOptions } from "node:tls";
import type { UpstreamTlsData } from "#model/tls.ts";
import { get } from "../../harness/client.ts";
import { response } from "../../harness/origin.ts";
import { type SceneOptions, scene } from "../../harness/scene.ts";
import { HOST, certificates, startSecureOrigin } from "../../harness/tls.ts";
import { statusOf } from "../../harness/wire.ts";

async function upstreamTls(more: Partial<UpstreamTlsData> = {}): Promise<UpstreamTlsData> {
  const { root } = certificates();
  return {
    verify: true,
    ca: root,
    serverName: HOST,
    minVersion: "TLSv1.2",
    certificate: null,
    ...more,
  };
}

/** A scene with a backend that speaks TLS; it has no other. */
function secureScene(
  name: string,
  backend: () => Promise<TlsOptions>,
  tls: () => Promise<UpstreamTlsData>,
  play: (
    ask: () => Promise<{ status: number; body: string; failure: string | null }>,
    server: Awaited<ReturnType<typeof startSecureOrigin>>,
  ) => Promise<void>,
  more: SceneOptions = {},
): void {
  let server: Awaited<ReturnType<typeof startSecureOrigin>>;
  scene(
    name,
    async () => {
      server = await startSecureOrigin(await backend(), (head, socket) =>
        response(
          "200 OK",
          `${socket.servername || "-"} ${socket.getPeerX509Certificate()?.subject ?? "-"} ${/^host: (.*)$/im.exec(head)?.[1]}`,
        ),
      );
      return { ...more, backends: [server.port], upstreamTls: await tls() };
    },
    async ({ client, proxy }) => {
      try {
        await play(async () => {
          const wire = await client();
          wire.send(get("/"));
          const answer = await wire.readResponse();
          const { failure } = await proxy.nextRecord();
          return { status: statusOf(answer), body: answer.body.toString(), failure };
        }, server);
      } finally {
        await server.close();
      }
    },
  );
}

const good = async (): Promise<TlsOptions> => {
  const { ecdsa } = certificates();
  return { cert: ecdsa.chain, key: ecdsa.key };
};

secureScene(
  "a backend that proves who it is gets the request, and its name as server name",
  good,
  () => upstreamTls(),
  async (ask) => {
    const first = await ask();
    assert.deepEqual([first.status, first.failure], [200, null]);
    assert.equal(first.body, `${HOST} - app.test`);
    assert.equal((await ask()).status, 200);
  },
);

secureScene(
  "a backend that is known by its address needs a certificate for that, and no server name is sent",
  good,
  () => upstreamTls({ serverName: null }),
  async (ask) => assert.match((await ask()).body, /^- /),
);

secureScene(
  "our certificate is shown to a backend that asks for one",
  async () => ({
    ...(await good()),
    requestCert: true,
    rejectUnauthorized: true,
    ca: certificates().clientRoot,
  }),
  async () => upstreamTls({ certificate: certificates().client }),
  async (ask) => assert.match((await ask()).body, /CN=client /),
);

for (const [what, pick, more, code] of [
  ["expired", "expired", {}, "upstream_certificate"],
  ["for another name", "wrongName", {}, "upstream_certificate"],
  ["its own issuer", "selfSigned", {}, "upstream_certificate"],
] as const) {
  secureScene(
    `a backend whose certificate is ${what} gets nothing, and the client a 502`,
    async () => {
      const pair = certificates()[pick];
      return { cert: pair.chain, key: pair.key };
    },
    () => upstreamTls(more),
    async (ask, { server }) => {
      let asked = 0;
      server.on("secureConnection", (socket) => socket.on("data", () => asked++));
      const { status, failure } = await ask();
      assert.deepEqual([status, failure, asked], [502, code, 0]);
    },
  );
}

secureScene(
  "an issuer that nobody has named is not believed",
  good,
  () => upstreamTls({ ca: null }),
  async (ask) => {
    const { status, failure } = await ask();
    assert.deepEqual([status, failure], [502, "upstream_certificate"]);
  },
);

secureScene(
  "a backend is believed unseen where the configuration says so",
  async () => {
    const pair = certificates().selfSigned;
    return { cert: pair.chain, key: pair.key };
  },
  () => upstreamTls({ verify: false, serverName: "whoever.test" }),
  async (ask) => assert.equal((await ask()).status, 200),
);

secureScene(
  "a backend that speaks an older version than demanded is a failure of TLS",
  async () => ({ ...(await good()), maxVersion: "TLSv1.2" }),
  () => upstreamTls({ minVersion: "TLSv1.3" }),
  async (ask) => {
    const { status, failure } = await ask();
    assert.deepEqual([status, failure], [502, "upstream_tls_failed"]);
  },
);

scene(
  "a backend that answers without TLS is a failure of TLS",
  async (origin) => ({ backends: [origin.port], upstreamTls: await upstreamTls() }),
  async ({ client, origin, proxy }) => {
    const wire = await client();
    wire.send(get("/"));
    for (let i = 0; i < 2; i++) {
      const backend = await origin.connection();
      backend.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
      void backend.ended.then(() => backend.end());
    }
    assert.equal(statusOf(await wire.readResponse()), 502);
    assert.equal((await proxy.nextRecord()).failure, "upstream_tls_failed");
  },
);

scene(
  "a backend that says nothing at all takes no longer than connecting may",
  async (origin) => ({
    backends: [origin.port],
    upstreamTls: await upstreamTls(),
    upstreamTimeouts: { connect: 60 },
    retries: { attempts: 0 },
  }),
  async ({ client, proxy }) => {
    const wire = await client();
    wire.send(get("/"));
    assert.equal(statusOf(await wire.readResponse()), 504);
    assert.equal((await proxy.nextRecord()).failure, "connect_timeout");
  },
);

for (const [what, isOrderly] of [
  ["complete when TLS says so", true],
  ["cut when TLS does not: anybody on the way could have ended it", false],
] as const) {
  let server: Awaited<ReturnType<typeof startSecureOrigin>>;
  scene(
    `an answer that ends with its connection is ${what}`,
    async () => {
      server = await startSecureOrigin(await good(), () => "");
      server.server.removeAllListeners("secureConnection");
      server.server.on("secureConnection", (socket) => {
        socket.on("error", () => socket.destroy());
        socket.once("data", () => {
          socket.write("HTTP/1.1 200 OK\r\n\r\nhalf", () => {
            if (isOrderly) socket.end();
            else socket.destroy();
          });
        });
      });
      return { backends: [server.port], upstreamTls: await upstreamTls() };
    },
    async ({ client, proxy }) => {
      const wire = await client();
      wire.send("GET / HTTP/1.0\r\nHost: app.test\r\n\r\n");
      assert.equal(await wire.ended, isOrderly ? "fin" : "reset");
      assert.equal((await proxy.nextRecord()).failure, isOrderly ? null : "response_truncated");
      wire.end();
      await server.close();
    },
  );
}
