/** Sluice itself, once for each transport that its configuration accepts. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, launch, plainEnvironment } from "../machine/launch.ts";
import type { Peer, StartOptions } from "./peer.ts";

/** A value of the key `transport`. */
export type TransportName = "node" | "uring";

function configuration(options: StartOptions, port: number, transport: string): string {
  const routes = Array.from(
    { length: options.routes },
    (_, index) => `  - { match: /service-${index}/*, to: backend }\n`,
  );
  const certificates = (options.tls?.certificates ?? []).map(
    ({ chain, key }) => `        - { cert: ${chain}, key: ${key} }\n`,
  );
  const tls = `\n    tls:\n      certificates:\n${certificates.join("")}`;
  return `listen:
  - address: 127.0.0.1:${port}${options.tls === undefined ? "" : tls}
upstreams:
  backend: 127.0.0.1:${options.backendPort}
routes:
${routes.join("")}  - { match: /*, to: backend }
timeouts: { keepAlive: 600s }
log: { access: ${options.accessLog ? "json" : "off"} }
admin: off
workers: ${options.workers}
${transport}
`;
}

/** Whether `sluice check` accepts a configuration with this transport. */
function accepts(root: string, transport: TransportName): boolean {
  const folder = mkdtempSync(join(tmpdir(), "sluice-bench-check-"));
  try {
    const file = join(folder, "sluice.yaml");
    const defaults = { backendPort: 1, workers: 1, accessLog: false, routes: 0 };
    const options = { ...defaults, tls: undefined, folder };
    writeFileSync(file, configuration(options, 1, `transport: ${transport}`));
    const args = [join(root, "bin/sluice"), "check", "-c", file];
    const { status } = spawnSync(process.execPath, args, { env: plainEnvironment() });
    return status === 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What a process says that its transport is: `transport: uring` must not quietly be measured as `node`. */
async function usedTransport(messages: string): Promise<string | undefined> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const found = /"code":"transport","transport":"([^"]+)"/u.exec(readFileSync(messages, "utf8"));
    if (found !== null) return found[1];
    await sleep(50);
  }
  return undefined;
}

/** Sluice on one transport; `root` says where it is installed, and is asked when it is needed. */
export function sluice(transport: TransportName, root: () => string): Peer {
  let accepted: boolean | undefined;
  const isAccepted = (): boolean => (accepted ??= accepts(root(), transport));
  return {
    name: `sluice-${transport}`,
    isCompiledLate: true,
    absent: () =>
      transport === "node" || isAccepted() ? undefined : `transport: ${transport} is not accepted`,
    version: () => {
      const text = readFileSync(join(root(), "package.json"), "utf8");
      const { version } = JSON.parse(text) as { readonly version: string };
      return `Sluice ${version}, ${transport} transport`;
    },
    start: async (options) => {
      const port = await freePort();
      const file = join(options.folder, "sluice.yaml");
      // A version with one transport only may not know the key.
      writeFileSync(
        file,
        configuration(options, port, isAccepted() ? `transport: ${transport}` : ""),
      );
      const running = await launch({
        program: process.execPath,
        args: [join(root(), "bin/sluice"), "run", "-c", file],
        cwd: options.folder,
        port,
        ca: options.tls?.ca,
        messages: join(options.folder, "messages.txt"),
        output: join(options.folder, "access.log"),
      });
      const used = await usedTransport(join(options.folder, "messages.txt"));
      if (used === transport) return running;
      await running.stop();
      throw new Error(`asked for the transport ${transport}, runs on ${used ?? "an unknown one"}`);
    },
  };
}
