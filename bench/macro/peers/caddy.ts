/** Caddy, with GOMAXPROCS for the number of workers. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { requireProgram } from "../../../test/harness/requires.ts";
import { freePort, launch } from "../machine/launch.ts";
import { absentProgram, type Peer, printedVersion, type StartOptions } from "./peer.ts";

function configuration(options: StartOptions, port: number): string {
  const { folder } = options;
  const certificates = options.tls?.certificates ?? [];
  const scheme = options.tls === undefined ? "http" : "https";
  return `
{
  admin off
  auto_https off
  servers {
    timeouts {
      idle 600s
    }
  }
}
${scheme}://:${port} {
  bind 127.0.0.1
${certificates.map(({ chain, key }) => `  tls ${chain} ${key}`).join("\n")}
  ${options.accessLog ? `log {\n    output file ${folder}/access.log\n    format json\n  }` : ""}
  reverse_proxy 127.0.0.1:${options.backendPort} {
    transport http {
      keepalive 600s
      keepalive_idle_conns 600
      keepalive_idle_conns_per_host 600
    }
  }
}
`;
}

/** Caddy's `reverse_proxy`. */
export const caddy: Peer = {
  name: "caddy",
  isCompiledLate: false,
  absent: () => absentProgram("caddy"),
  version: () => `Caddy ${printedVersion("caddy", ["version"], /v?(\d\S*)/u)}`,
  start: async (options) => {
    const { folder } = options;
    const port = await freePort();
    const file = join(folder, "Caddyfile");
    writeFileSync(file, configuration(options, port));
    return launch({
      program: requireProgram("caddy"),
      args: ["run", "--config", file, "--adapter", "caddyfile"],
      env: {
        GOMAXPROCS: String(options.workers),
        HOME: folder,
        XDG_DATA_HOME: folder,
        XDG_CONFIG_HOME: folder,
      },
      cwd: folder,
      port,
      ca: options.tls?.ca,
      messages: join(folder, "messages.txt"),
    });
  },
};
