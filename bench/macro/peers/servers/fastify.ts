/** `node fastify.ts PORT BACKEND_PORT` */

import proxy from "@fastify/http-proxy";
import { fastify } from "fastify";

const [port, backendPort] = process.argv.slice(2);
const server = fastify({ keepAliveTimeout: 600_000, bodyLimit: 1 << 30 });
await server.register(proxy, {
  upstream: `http://127.0.0.1:${backendPort}`,
  undici: { connections: 600, pipelining: 1, keepAliveTimeout: 600_000 },
});
await server.listen({ port: Number(port), host: "127.0.0.1", backlog: 4096 });
