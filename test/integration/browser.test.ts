import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { connect } from "node:tls";
import { chromium } from "playwright-core";
import { WebSocketServer } from "ws";
import { missing, requireProgram } from "../harness/requires.ts";
import { type Sluice, startSluice } from "../harness/sluice.ts";

/** A page that uses what browsers use: events, a WebSocket, an upload, cookies, a redirect. Results go to its title. */
const PAGE = `<!doctype html><meta charset="utf-8"><title>…</title><script>
const results = {};
const show = (name, value) => {
  results[name] = value;
  if (Object.keys(results).length === 5) document.title = JSON.stringify(results);
};
const events = new EventSource("/events");
let seen = "";
events.onmessage = ({ data }) => { seen += data; if (seen.length === 3) { events.close(); show("events", seen); } };
const socket = new WebSocket(location.origin.replace("http", "ws") + "/socket");
socket.onopen = () => socket.send("hello " + "x".repeat(100000));
socket.onmessage = ({ data }) => { show("socket", data.length); socket.close(); };
fetch("/upload", { method: "POST", body: new Uint8Array(3_000_000) }).then((r) => r.text()).then((t) => show("upload", t));
fetch("/redirect").then((r) => show("redirect", new URL(r.url).pathname));
fetch("/cookie").then(() => show("cookie", document.cookie));
</script>`;

for (const scheme of ["http", "https"] as const) {
  test(
    `a browser's page with events, a WebSocket, an upload, a redirect and cookies works by ${scheme}`,
    {
      skip: missing("chromium"),
    },
    async (t) => {
      const app = createServer((request, response) => {
        if (request.url === "/events") {
          response.writeHead(200, { "content-type": "text/event-stream" });
          let count = 0;
          const timer = setInterval(() => response.write(`data: ${count++}\n\n`), 20);
          response.on("close", () => clearInterval(timer));
        } else if (request.url === "/upload") {
          let bytes = 0;
          request.on("data", (chunk: Buffer) => (bytes += chunk.length));
          request.on("end", () => response.end(String(bytes)));
        } else if (request.url === "/redirect") {
          response.writeHead(302, { location: "/landed" }).end();
        } else if (request.url === "/cookie") {
          response.setHeader("set-cookie", ["a=1; Path=/", "b=2; Path=/"]);
          response.end();
        } else {
          response.setHeader("content-type", "text/html");
          response.end(PAGE);
        }
      });
      const sockets = new WebSocketServer({ server: app });
      sockets.on("connection", (socket) =>
        socket.on("message", (data: Buffer) => socket.send(data.toString())),
      );
      app.listen(0, "127.0.0.1");
      await once(app, "listening");
      t.after(() => {
        sockets.close();
        app.closeAllConnections();
        app.close();
      });
      const { port } = app.address() as AddressInfo;
      const proxy = await startSluice(t, {
        args: [
          "--to",
          `http://127.0.0.1:${port}`,
          "--listen",
          "127.0.0.1:0",
          ...(scheme === "https" ? ["--domain", "localhost", "--data", "data"] : []),
        ],
      });
      const browser = await chromium.launch({
        executablePath: requireProgram("chromium"),
        args: [
          "--no-sandbox",
          "--disable-gpu",
          "--disable-background-networking",
          "--disable-sync",
          ...(scheme === "https"
            ? [`--ignore-certificate-errors-spki-list=${await keyOf(proxy)}`]
            : []),
        ],
      });
      t.after(() => browser.close());
      const page = await browser.newPage();
      await page.goto(proxy.url.replace("127.0.0.1", "localhost"));
      await page.waitForFunction("document.title.startsWith('{')", undefined, { timeout: 30_000 });
      assert.deepEqual(JSON.parse(await page.title()), {
        events: "012",
        socket: 100_006,
        upload: "3000000",
        redirect: "/landed",
        cookie: "a=1; b=2",
      });
      const protocol = "performance.getEntriesByType('navigation')[0].nextHopProtocol";
      assert.equal(await page.evaluate(protocol), scheme === "https" ? "h2" : "http/1.1");
    },
  );
}

/** The key of the proxy's certificate as Chromium knows it, which is all that it is told to believe. */
async function keyOf({ url }: Sluice): Promise<string> {
  const { hostname, port } = new URL(url);
  const options = { host: hostname, port: Number(port), servername: "localhost" };
  const socket = connect({ ...options, rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const { publicKey } = socket.getPeerX509Certificate()!;
  socket.destroy();
  const der = publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(der).digest("base64");
}
