import { type ClientRequest, request } from "node:http";
import { request as secureRequest } from "node:https";
import {
  type ConnectionOptions,
  type SecureContext,
  checkServerIdentity,
  createSecureContext,
  getCACertificates,
} from "node:tls";
import { isIP } from "node:net";

import type { EndpointAddress, HealthData } from "#model/snapshot.ts";
import type { UpstreamTlsData } from "#model/tls.ts";

/** What one check has shown. */
export interface ProbeResult {
  readonly healthy: boolean;
  /** For people: `answered 503`, `connect ECONNREFUSED 127.0.0.1:9001`. */
  readonly detail: string;
}

/** What one check asks. */
export interface ProbeTarget {
  /** Tried in this order until one takes the connection. */
  readonly addresses: readonly EndpointAddress[];
  /** Host to send. */
  readonly host: string;
  readonly health: HealthData;
  /** Null: plain HTTP. */
  readonly tls: ProbeTls | null;
}

/** TLS of a check: the same as that of requests. */
export interface ProbeTls {
  readonly upstream: UpstreamTlsData;
  /** What the endpoint has to prove to be; null: anybody whose certificate verifies. */
  readonly identity: string | null;
}

/** Makes one check; never rejects. Aborting `signal` ends it. */
export type Probe = (target: ProbeTarget, signal: AbortSignal) => Promise<ProbeResult>;

/** One GET on a connection of its own, within `health.timeout` for everything but the body, which is not read. */
export const httpProbe: Probe = async (target, signal) => {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(target.health.timeout)]);
  let last: ProbeResult = { healthy: false, detail: "its name does not resolve" };
  for (const address of target.addresses) {
    const attempt = await ask(address, target, limit);
    if (attempt.connected || limit.aborted) return attempt;
    last = attempt;
  }
  return last;
};

function ask(
  address: EndpointAddress,
  { host, health, tls }: ProbeTarget,
  signal: AbortSignal,
): Promise<ProbeResult & { readonly connected: boolean }> {
  const { promise, resolve } = Promise.withResolvers<
    ProbeResult & { readonly connected: boolean }
  >();
  let connected = false;
  const fail = (error: Error): void => {
    const detail = signal.aborted ? `no answer within ${health.timeout} ms` : error.message;
    resolve({ healthy: false, detail, connected });
  };
  let outgoing: ClientRequest;
  try {
    outgoing = (tls === null ? request : secureRequest)({
      ...(address.kind === "unix"
        ? { socketPath: address.path }
        : { host: address.host, port: address.port }),
      ...(tls === null ? {} : tlsOptions(tls)),
      agent: false,
      method: "GET",
      path: health.path,
      headers: { host, "user-agent": "sluice-health", connection: "close" },
      signal,
    });
  } catch (error) {
    // A path or host that node:http refuses to send.
    return Promise.resolve({
      healthy: false,
      detail: error instanceof Error ? error.message : String(error),
      connected: true,
    });
  }
  outgoing.on("socket", (socket) => socket.once("connect", () => (connected = true)));
  outgoing.on("error", fail);
  outgoing.on("response", (response) => {
    const status = response.statusCode ?? 0;
    response.on("error", () => undefined);
    response.destroy();
    resolve({
      healthy: health.expect.some(([from, to]) => status >= from && status <= to),
      detail: `answered ${status}`,
      connected: true,
    });
  });
  outgoing.end();
  return promise;
}

function tlsOptions({ upstream, identity }: ProbeTls): ConnectionOptions {
  return {
    rejectUnauthorized: upstream.verify,
    secureContext: contextOf(upstream),
    // Addresses are not sent as a server name; the certificate is to be made out to them all the same.
    servername: identity !== null && isIP(identity) === 0 ? identity : "",
    checkServerIdentity: (_host, peer) =>
      identity === null ? undefined : checkServerIdentity(identity, peer),
  };
}

/** To read all issuers that the system believes takes some ten milliseconds: once for an upstream, not for every check. */
const contexts: WeakMap<UpstreamTlsData, SecureContext> = new WeakMap();

function contextOf(upstream: UpstreamTlsData): SecureContext {
  let context = contexts.get(upstream);
  if (context === undefined) {
    const { ca, minVersion, certificate } = upstream;
    context = createSecureContext({
      minVersion,
      ca: ca ?? [...getCACertificates("default"), ...getCACertificates("system")],
      ...(certificate === null ? {} : { cert: certificate.chain, key: certificate.key }),
    });
    contexts.set(upstream, context);
  }
  return context;
}
