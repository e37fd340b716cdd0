/** Proxies that are npm packages: each is a small program of `servers/`, run by this Node. */

import { join } from "node:path";
import { freePort, launch } from "../machine/launch.ts";
import { packageVersion, type Peer } from "./peer.ts";

function library(name: string, file: string, packageName: string): Peer {
  return {
    name,
    isCompiledLate: true,
    absent: () => undefined,
    version: () => `${packageName} ${packageVersion(packageName)}`,
    start: async ({ backendPort, folder }) => {
      const port = await freePort();
      return launch({
        program: process.execPath,
        args: [
          "--no-warnings",
          join(import.meta.dirname, "servers", file),
          String(port),
          String(backendPort),
        ],
        cwd: folder,
        port,
        messages: join(folder, "messages.txt"),
      });
    },
  };
}

/** The package `http-proxy` with an agent that keeps connections. */
export const httpProxy: Peer = library("http-proxy", "http-proxy.ts", "http-proxy");

/** The package `httpxy` with an agent that keeps connections. */
export const httpxy: Peer = library("httpxy", "httpxy.ts", "httpxy");

/** The package `@fastify/http-proxy`. */
export const fastifyProxy: Peer = library("fastify", "fastify.ts", "@fastify/http-proxy");
