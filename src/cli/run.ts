/** `sluice run` and `sluice --to`: the proxy as a program. */

import { tmpdir } from "node:os";

import { inUse } from "#config/settings.ts";
import { ConfigError, type Proxy, createProxy } from "#index.ts";
import {
  type ControlAnswer,
  type ControlPlace,
  type ControlRequest,
  type ControlServer,
  controlPath,
  serveControl,
} from "#process/control-socket.ts";
import { releaseMemory } from "#process/heap.ts";
import { onSignals } from "#process/signals.ts";
import { type SourceOptions, instanceName, shortForm } from "./options.ts";
import type { Terminal } from "./terminal.ts";

/** When what a start takes is over, in ms after it: nobody waits for this thread any more. */
const SETTLED = 1000;

/** Runs until a signal or a control request ends it. @returns the exit code */
export async function run(terminal: Terminal, options: SourceOptions): Promise<number> {
  // A file says itself where it listens; what is written beside it would be passed over.
  if (options.to === undefined && (options.domain ?? options.listen) !== undefined) {
    terminal.err(
      "error: `--domain` and `--listen` need `--to`, the application behind them: `sluice --to http://localhost:3000`; a configuration has `listen` for them\n",
    );
    return 1;
  }
  const proxy = await create(terminal, options);
  if (proxy === null) return 1;

  const ended = Promise.withResolvers<number>();
  const stop = (delay: number): void => {
    if (delay > 0) {
      const message = `waiting ${delay / 1000} s for load balancers to notice (timeouts.stopDelay)`;
      proxy.say("info", "stop_delay", message);
    }
    proxy.close({ delay }).then(() => {
      proxy.say("info", "stopped", "stopped");
      ended.resolve(0);
    }, ended.reject);
  };
  proxy.on("error", () => ended.resolve(1));
  const removeHandlers = onSignals({
    hangupStops: terminal.attended,
    stop: (signal) => {
      proxy.say("info", "stopping", `${signal}: finishing what is under way`);
      // A person at the keyboard has no load balancer that first has to notice.
      stop(signal === "SIGTERM" ? proxy.stopDelay : 0);
    },
    reload: () => void proxy.reload(),
    abort: (code) => process.exit(code),
  });
  const control = await openControl(terminal, options, proxy, stop);
  proxy.listen().then(
    () => void setTimeout(() => releaseMemory(), SETTLED).unref(),
    (error: unknown) => {
      proxy.say("error", "cannot_start", error instanceof Error ? error.message : String(error));
      ended.resolve(1);
    },
  );

  const code = await ended.promise;
  removeHandlers();
  await control?.close();
  return code;
}

/** @returns null, having said why, if the configuration is wrong */
async function create(terminal: Terminal, options: SourceOptions): Promise<Proxy | null> {
  try {
    const proxy = await createProxy(shortForm(options) ?? { configFile: options.config }, {
      watch: options.to === undefined,
      directory: terminal.directory,
      environment: terminal.environment,
      accessLog: terminal.interactive ? "pretty" : "json",
      log: {
        write: (line) => terminal.err(line),
        format: terminal.interactive ? "pretty" : "json",
      },
      defaultAdmin: true,
      color: terminal.color,
      data: options.data,
      ...heapOption(terminal),
      ...transportOption(terminal),
    });
    if (proxy.warnings !== "") terminal.err(proxy.warnings);
    return proxy;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    terminal.err(error.message);
    return null;
  }
}

/** Listens for `sluice reload` and the like. Without it the proxy works all the same. */
async function openControl(
  terminal: Terminal,
  options: SourceOptions,
  proxy: Proxy,
  stop: (delay: number) => void,
): Promise<ControlServer | null> {
  const name = await instanceName(options, terminal.directory);
  if (name === null) return null;
  const handle = async (request: ControlRequest): Promise<ControlAnswer> => {
    switch (request.command) {
      case "reload": {
        const before = proxy.config;
        const result = await proxy.reload();
        if (!result.ok) return { ok: false, message: result.reason };
        const message = result.unchanged
          ? `nothing to do: configuration ${result.generation}, which is in use already, says the same`
          : inUse(result.generation, before, proxy.config);
        return { ok: true, message: `${result.warnings}${message}` };
      }
      case "status": {
        const { status } = proxy;
        return { ok: true, message: status.ready ? "ready" : "not ready", details: status };
      }
      case "certificates":
        return { ok: true, message: "", details: proxy.certificates };
      case "renew":
      case "revoke":
        return changeCertificate(proxy, request.command, request.name);
      case "cache": {
        const figures = proxy.cache?.figures ?? null;
        if (figures === null) return { ok: false, message: "no route has a cache" };
        return { ok: true, message: "", details: figures };
      }
      case "purge":
        return { ok: true, message: `forgotten: ${proxy.cache?.forget(request.what) ?? 0}` };
      case "stop":
        stop(0);
        return { ok: true, message: "stopping" };
    }
  };
  try {
    return await serveControl(controlPath(controlPlace(terminal), name), handle);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    proxy.say("warn", "control_socket", `\`sluice reload\` will not find this instance: ${reason}`);
    return null;
  }
}

async function changeCertificate(
  proxy: Proxy,
  command: "renew" | "revoke",
  name: string,
): Promise<ControlAnswer> {
  try {
    if (command === "revoke") await proxy.obtaining?.revoke(name);
    else if (proxy.obtaining?.renew(name) !== true) {
      return { ok: false, message: `no certificate is obtained for ${name}` };
    }
    return { ok: true, message: command === "revoke" ? `${name}: revoked` : "" };
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) };
  }
}

/** Where control sockets lie on this machine. */
export function controlPlace(terminal: Terminal): ControlPlace {
  return { runtimeDir: terminal.environment["XDG_RUNTIME_DIR"], temporaryDir: tmpdir() };
}

/** `SLUICE_WORKER_HEAP_MB` sets the heap of each worker. */
function heapOption(terminal: Terminal): { workerHeapMb?: number } {
  const megabytes = Number(terminal.environment["SLUICE_WORKER_HEAP_MB"]);
  return Number.isInteger(megabytes) && megabytes > 0 ? { workerHeapMb: megabytes } : {};
}

/**
 * `SLUICE_TRANSPORT` sets the transport, whatever the configuration says: to compare two, or to rule one out.
 * @throws ConfigError for another word
 */
function transportOption(terminal: Terminal): { transport?: "auto" | "node" | "uring" } {
  const wish = terminal.environment["SLUICE_TRANSPORT"];
  if (wish === undefined || wish === "") return {};
  if (wish === "auto" || wish === "node" || wish === "uring") return { transport: wish };
  throw new ConfigError(
    `error: there is no transport \`${wish}\` (SLUICE_TRANSPORT)\n  hint: write auto, node or uring\n`,
  );
}
