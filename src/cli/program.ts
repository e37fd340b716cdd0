/** The commands and their options. What a command does is loaded when it is called. */

import { Command, CommanderError, Option } from "commander";

import { type SourceOptions, collect, collectHeader } from "./options.ts";
import type { CertsOptions, RenewOptions } from "./certs.ts";
import type { Terminal } from "./terminal.ts";
import type { PurgeOptions } from "./cache.ts";
import type { TrustCommandOptions } from "./trust.ts";
import { suggest } from "#core/suggest.ts";
import { packageVersion } from "#process/package-version.ts";

/** A command line that is ready to run. */
export interface Program {
  /** @returns the exit code */
  run(args: readonly string[]): Promise<number>;
}

const EXAMPLES = `
Examples:
  sluice --to http://localhost:3000         everything that arrives on :8080 goes to the application on :3000
  sluice --to :3000 --listen 127.0.0.1:80   the same, on another address
  sluice --to :3000 --domain localhost --listen :8443
                                            the same by https, with a certificate of the local authority
  sluice init                               write a sluice.yaml to begin with
  sluice run                                run the configuration of this folder
  sluice explain GET http://example.com/    what would happen to a request, and why`;

/** Builds the command line over `terminal`. */
export function createProgram(terminal: Terminal): Program {
  let code = 0;
  const ends = (result: number): void => {
    code = result;
  };
  const program = new Command("sluice")
    .description("A reverse proxy that is easy to run, fast, observable, and programmable.")
    .version(packageVersion(), "-V, --version")
    .addHelpText("after", EXAMPLES)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
    })
    .helpCommand("help [command]", "say what a command takes")
    .showHelpAfterError("(`sluice --help` shows what there is)");

  addData(addSource(program)).action(async (options: SourceOptions) => {
    refuseUnknown(program);
    const { to, config, domain, listen } = options;
    if ([to, config, domain, listen].every((option) => option === undefined)) {
      terminal.err(
        "nothing to do: `sluice --to http://localhost:3000` proxies an application, `sluice run` the configuration of this folder, `sluice --help` shows the rest\n",
      );
      return ends(1);
    }
    ends(await (await import("./run.ts")).run(terminal, options));
  });

  addCommands(program, terminal, ends);
  // What is no command gets to the action above, which can say so. Not inherited: the commands have been made.
  program.allowExcessArguments();

  return {
    run: async (args) => {
      try {
        await program.parseAsync([...args], { from: "user" });
        return code;
      } catch (error) {
        if (error instanceof CommanderError) return error.exitCode;
        throw error;
      }
    },
  };
}

/** One command for each file beside this one; `ends` takes its exit code. */
function addCommands(program: Command, terminal: Terminal, ends: (code: number) => void): void {
  addData(addSource(program.command("run").description("run a configuration"))).action(
    async (_: SourceOptions, command: Command) =>
      ends(await (await import("./run.ts")).run(terminal, command.optsWithGlobals())),
  );
  addSource(
    program
      .command("check")
      .description("say what is wrong with a configuration; exit code 0 if nothing"),
  ).action(async (_: SourceOptions, command: Command) =>
    ends(await (await import("./check.ts")).check(terminal, command.optsWithGlobals())),
  );
  addSource(
    program
      .command("explain")
      .description("say what would happen to a request, and why")
      .argument("<method>", "such as GET")
      .argument("<url>", "such as https://example.com/path")
      .option("-H, --header <name: value>", "a header of the request; repeatable", collectHeader)
      .option("--client-ip <address>", "where the request comes from", "127.0.0.1"),
  ).action(async (method: string, url: string, _: SourceOptions, command: Command) =>
    ends(
      await (
        await import("./explain.ts")
      ).explain(terminal, method, url, command.optsWithGlobals()),
    ),
  );
  addSource(
    program.command("reload").description("let the running instance apply its configuration again"),
  ).action(async (_: SourceOptions, command: Command) =>
    ends(await (await import("./reload.ts")).reload(terminal, command.optsWithGlobals())),
  );
  addCerts(program, terminal, ends);
  addData(program.command("trust"))
    .description("let this machine trust the local certificate authority; made if there is none")
    .option("--dry-run", "only say what would be done")
    .option("--uninstall", "undo it")
    .action(async (_: TrustCommandOptions, command: Command) =>
      ends(await (await import("./trust.ts")).trust(terminal, command.optsWithGlobals())),
    );
  addCache(program, terminal, ends);
  program
    .command("init")
    .description("write a configuration to begin with; never overwrites one")
    .option("--ts", "sluice.config.ts instead of sluice.yaml")
    .action(async (options: { readonly ts?: boolean }) =>
      ends(await (await import("./init.ts")).init(terminal, options)),
    );
  program
    .command("hash-password")
    .description("read a password, and print its hash for `basicAuth`")
    .action(async () => ends(await (await import("./hash-password.ts")).hashPassword(terminal)));
  program
    .command("version")
    .description("print the version")
    .action(() => terminal.out(`${packageVersion()}\n`));
}

/** `certs`, and what stands behind it. */
function addCerts(program: Command, terminal: Terminal, ends: (code: number) => void): void {
  const certs = addData(
    addSource(
      program
        .command("certs")
        .description("list the certificates of a configuration; exit code 1 if one needs attention")
        .option("--json", "for scripts"),
    ),
  ).action(async (_: CertsOptions, command: Command) =>
    ends(await (await import("./certs.ts")).certs(terminal, command.optsWithGlobals())),
  );
  addSource(certs.command("renew"))
    .description("let the running instance obtain new certificates now")
    .argument("[names...]", "hosts, such as example.com")
    .option("--dry-run", "only say what would be asked of whom; without names for all")
    .action(async (names: string[], _: RenewOptions, command: Command) =>
      ends(await (await import("./certs.ts")).renew(terminal, names, command.optsWithGlobals())),
    );
  addSource(certs.command("revoke"))
    .description("let the running instance take a certificate back, and obtain another one")
    .argument("<name>", "the host")
    .action(async (name: string, _: CertsOptions, command: Command) =>
      ends(await (await import("./certs.ts")).revoke(terminal, name, command.optsWithGlobals())),
    );
  certs
    .command("import")
    .description("take over what certbot, Caddy or Traefik have obtained; theirs stays as it is")
    .argument("<path>", "/etc/letsencrypt, the data folder of Caddy, or Traefik's acme.json")
    .action(async (path: string, _: CertsOptions, command: Command) =>
      ends(
        await (await import("./certs.ts")).importStore(terminal, path, command.optsWithGlobals()),
      ),
    );
}

/** `cache`, and what stands behind it. */
function addCache(program: Command, terminal: Terminal, ends: (code: number) => void): void {
  const cache = program.command("cache").description("the cache of the running instance");
  addSource(
    cache
      .command("purge")
      .description("forget stored answers: of a URL, or what an option says")
      .argument("[url]", "as clients see it, such as https://example.com/path?query")
      .option("--prefix <url>", "of all URLs that begin so")
      .option("--tag <name>", "that came with this name in Surrogate-Key or Cache-Tag")
      .option("--all", "everything"),
  ).action(async (url: string | undefined, _: PurgeOptions, command: Command) =>
    ends(await (await import("./cache.ts")).purge(terminal, url, command.optsWithGlobals())),
  );
  addSource(
    cache.command("stats").description("say what is stored, and what the cache has done"),
  ).action(async (_: SourceOptions, command: Command) =>
    ends(await (await import("./cache.ts")).stats(terminal, command.optsWithGlobals())),
  );
}

/** Ends the program if a word stands where a command belongs. */
function refuseUnknown(program: Command): void {
  const [word] = program.args;
  if (word === undefined) return;
  const known = program.commands.map((command) => command.name());
  const near = suggest(word, known);
  const hint = near === undefined ? "" : `, did you mean '${near}'?`;
  program.error(`error: unknown command '${word}'${hint}`);
}

/** The options that say which configuration is meant. */
function addSource(command: Command): Command {
  return command
    .option(
      "-c, --config <file>",
      "the configuration; without it the first of the usual names in this folder",
    )
    .addOption(
      new Option("--to <url>", "no file: send everything to this backend; repeatable")
        .argParser(collect)
        .conflicts("config"),
    )
    .addOption(
      new Option(
        "--listen <address>",
        "with --to: address to listen on (default :8080); repeatable",
      )
        .argParser(collect)
        .conflicts("config"),
    )
    .addOption(
      new Option(
        "--domain <name>",
        "with --to: answer for this name by https, on :443 or where --listen says; repeatable",
      )
        .argParser(collect)
        .conflicts("config"),
    );
}

/** Where the proxy keeps what it makes itself. */
function addData(command: Command): Command {
  return command.option(
    "--data <folder>",
    "folder for certificates that the proxy makes (default: $XDG_DATA_HOME/sluice, /var/lib/sluice for root, or ~/.local/share/sluice)",
  );
}
