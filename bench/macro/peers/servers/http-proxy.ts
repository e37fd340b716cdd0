/** `node http-proxy.ts PORT BACKEND_PORT` */

import { Agent, createServer } from "node:http";
import httpProxy from "http-proxy";

const [port, backendPort] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxFreeSockets: 600 });
const proxy = httpProxy.createProxyServer({ target: `http://127.0.0.1:${backendPort}`, agent });
proxy.on("error", (_error, _request, response) => response.destroy());

const server = createServer((request, response) => proxy.web(request, response));
server.keepAliveTimeout = 600_000;
server.listen({ port: Number(port), host: "127.0.0.1", backlog: 4096 });
