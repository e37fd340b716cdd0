/** nginx as a backend and wrk as a client, for volume. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { requireProgram } from "../../harness/requires.ts";
import type { Scope } from "./proxy.ts";

/** Starts nginx: `/10m` is 10 MiB, everything else a kilobyte. @returns its port */
export async function startNginx(scope: Scope): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-soak-"));
  scope.after(async () => rmSync(folder, { recursive: true, force: true }));
  const port = await freePort();
  writeFileSync(join(folder, "10m"), Buffer.alloc(10 * 1024 * 1024, "x"));
  const file = join(folder, "nginx.conf");
  const places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  writeFileSync(
    file,
    `daemon off; worker_processes 1; pid ${folder}/pid; error_log stderr crit;
    ${process.getuid?.() === 0 ? "user root;" : ""}
    events { worker_connections 16000; }
    http {
      access_log off; sendfile on; keepalive_requests 1000000000; keepalive_timeout 600s;
      ${places.map((name) => `${name}_temp_path ${folder}/${name};`).join(" ")}
      server {
        listen 127.0.0.1:${port} backlog=4096; root ${folder};
        location = /10m { }
        location / { return 200 "${"x".repeat(1024)}"; }
      }
    }`,
  );
  const nginx = spawn(requireProgram("nginx"), ["-p", folder, "-c", file], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  scope.after(async () => {
    if (nginx.exitCode !== null) return;
    const ended = once(nginx, "exit");
    nginx.kill("SIGTERM");
    await ended;
  });
  while (!(await listens(port))) await sleep(20);
  return port;
}

/** What a run of wrk came to. */
export interface WrkResult {
  readonly requests: number;
  /** Sentences of wrk about what went wrong. */
  readonly problems: readonly string[];
}

/** Runs wrk for a while. */
export async function runWrk(
  port: number,
  path: string,
  connections: number,
  seconds: number,
): Promise<WrkResult> {
  const child = spawn(
    requireProgram("wrk"),
    [
      "-t1",
      `-c${connections}`,
      `-d${seconds}s`,
      "--timeout",
      "30s",
      `http://127.0.0.1:${port}${path}`,
    ],
    { stdio: ["ignore", "pipe", "inherit"], timeout: (seconds + 60) * 1000, killSignal: "SIGKILL" },
  );
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  await once(child, "close");
  const requests = Number(/(\d+) requests in/.exec(output)?.[1] ?? Number.NaN);
  const problems = output
    .split("\n")
    .filter((line) => /Socket errors|Non-2xx/.test(line))
    .map((line) => line.trim());
  if (Number.isNaN(requests)) problems.push(`wrk has printed no numbers: ${output}`);
  return { requests: Number.isNaN(requests) ? 0 : requests, problems };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}
