/** `node httpxy.ts PORT BACKEND_PORT` */

import { Agent, createServer } from "node:http";
import { createProxyServer } from "httpxy";

const [port, backendPort] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxFreeSockets: 600 });
const proxy = createProxyServer({ target: `http://127.0.0.1:${backendPort}`, agent });
proxy.on("error", (_error, _request, response) => response?.destroy());

const server = createServer((request, response) => void proxy.web(request, response));
server.keepAliveTimeout = 600_000;
server.listen({ port: Number(port), host: "127.0.0.1", backlog: 4096 });
