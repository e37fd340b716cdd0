/** Varnish in pass mode: nothing is cached, every request goes to the backend. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { requireProgram } from "../../../test/harness/requires.ts";
import { freePort, launch } from "../machine/launch.ts";
import { absentProgram, type Peer, printedVersion } from "./peer.ts";

/** Varnish has a thread for each busy connection: there is no such thing as one worker. */
export const varnish: Peer = {
  name: "varnish",
  isCompiledLate: false,
  absent: () => absentProgram("varnishd"),
  version: () => `Varnish ${printedVersion("varnishd", ["-V"], /varnish-(\S+)/u)}, pass`,
  start: async ({ folder, backendPort }) => {
    const port = await freePort();
    const file = join(folder, "default.vcl");
    const state = join(folder, "state");
    mkdirSync(state);
    writeFileSync(
      file,
      `vcl 4.1;
backend default { .host = "127.0.0.1"; .port = "${backendPort}"; }
sub vcl_recv { return (pass); }
`,
    );
    return launch({
      program: requireProgram("varnishd"),
      args: [
        "-F",
        "-j",
        "none",
        "-n",
        state,
        "-f",
        file,
        "-s",
        "malloc,64m",
        "-T",
        "none",
        "-a",
        `127.0.0.1:${port}`,
        "-p",
        "thread_pools=1",
        "-p",
        "timeout_idle=600",
      ],
      cwd: folder,
      port,
      messages: join(folder, "messages.txt"),
    });
  },
};
