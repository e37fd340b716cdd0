/** Answers dns-01 (RFC 8555 §8.4) by records that a provider makes. */

import type { Scheduler } from "#core/time/scheduler.ts";
import type { DnsData } from "#model/tls.ts";
import { type Challenge, type Solver, recordName, recordValue } from "../challenge.ts";
import { cloudflareProvider } from "./cloudflare.ts";
import { execProvider } from "./exec.ts";
import { waitForRecord } from "./propagation.ts";
import type { DnsProvider } from "./provider.ts";
import { updateProvider } from "./rfc2136.ts";
import { webhookProvider } from "./webhook.ts";

/** What providers need of the process. */
export interface DnsSolverOptions {
  readonly scheduler: Scheduler;
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Epoch milliseconds. */
  readonly wall: () => number;
}

/** See the head of this file. */
export function dnsSolver(data: DnsData, options: DnsSolverOptions): Solver {
  const provider = providerOf(data, options);
  const { resolvers, wait } = data;
  return {
    present: async ({ name, keyAuthorization }: Challenge) => {
      const record = { name: recordName(name), value: recordValue(keyAuthorization) };
      const cleanup = (): Promise<void> => provider.cleanup(record).catch(() => undefined);
      await provider.present(record);
      try {
        if (wait > 0) {
          await waitForRecord(record, { scheduler: options.scheduler, resolvers, wait });
        }
      } catch (error) {
        await cleanup();
        throw error;
      }
      return cleanup;
    },
  };
}

function providerOf({ provider }: DnsData, options: DnsSolverOptions): DnsProvider {
  switch (provider.kind) {
    case "exec":
      return execProvider({ command: provider.command, ...options });
    case "webhook":
      return webhookProvider(provider.url, provider.token);
    case "rfc2136":
      return updateProvider({ ...provider, wall: options.wall });
    case "cloudflare":
      return cloudflareProvider(provider.token);
  }
}
