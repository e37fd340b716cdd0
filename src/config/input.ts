/**
 * What users may write, as types: the input side of the schema. A TypeScript configuration is checked against it.
 * The meaning, unit and default of every member are in the schema's descriptions (`schema/`), from which the reference
 * documentation is generated.
 */
import type { z } from "zod";
import type { FilterSchemas } from "#sdk/config.ts";
import type { Filter } from "#sdk/index.ts";
import type { AcmeChallengeType } from "#model/tls.ts";
import type { Balance } from "./types.ts";

/** One value, or a list of them. */
export type OneOrMany<T> = T | readonly T[];

/** A whole configuration; `Name` are the names of its upstreams, which is all that a route's `to` accepts. */
export interface ConfigInput<
  Filters extends FilterSchemas = FilterSchemas,
  Name extends string = string,
> {
  readonly listen?: OneOrMany<ListenInput> | undefined;
  readonly upstreams?: { readonly [Key in Name]: UpstreamInput } | undefined;
  readonly routes?: readonly RouteInput<Filters, NoInfer<Name>>[] | undefined;
  readonly trustedProxies?: OneOrMany<string> | undefined;
  readonly forwarded?: boolean | undefined;
  readonly timeouts?: TimeoutsInput | undefined;
  readonly limits?: LimitsInput | undefined;
  readonly log?: LogInput | undefined;
  readonly acme?: string | AcmeInput | undefined;
  readonly cache?: CacheInput | undefined;
  readonly admin?: string | undefined;
  readonly transport?: "auto" | "node" | "uring" | undefined;
  readonly workers?: "auto" | number | undefined;
}

/** See `schema/cache.ts`. */
export interface CacheInput {
  readonly memory?: string | undefined;
}

/** An address, or a mapping that holds one. */
export type ListenInput =
  | string
  | number
  | {
      readonly address: string | number;
      readonly tls?: ListenTlsInput["tls"] | undefined;
      readonly redirect?: "https" | undefined;
    };

/** See `schema/tls.ts`. */
export interface CertificateInput {
  readonly cert: string;
  readonly key: string;
}

/** See `schema/tls.ts`. */
export interface ClientCertificatesInput {
  readonly mode?: "require" | "request" | undefined;
  readonly ca: string;
  readonly crl?: string | undefined;
}

/** See `schema/tls.ts`. */
export interface TlsNameInput {
  readonly preset?: "modern" | "intermediate" | undefined;
  readonly clientCertificates?: "off" | ClientCertificatesInput | undefined;
}

/** The forms of a listener's `tls`; see `schema/tls.ts`. */
export interface ListenTlsInput {
  readonly certificates: "auto" | "local" | OneOrMany<CertificateInput>;
  readonly tls:
    | ListenTlsInput["certificates"]
    | {
        readonly certificates?: ListenTlsInput["certificates"] | undefined;
        readonly preset?: "modern" | "intermediate" | undefined;
        readonly default?: string | undefined;
        readonly clientCertificates?: ClientCertificatesInput | undefined;
        readonly names?: Readonly<Record<string, TlsNameInput>> | undefined;
        readonly passThrough?: Readonly<Record<string, string>> | undefined;
        readonly hsts?: "auto" | "off" | undefined;
      };
}

/** See `schema/tls.ts`. */
export interface UpstreamTlsInput {
  readonly verify?: boolean | undefined;
  readonly ca?: string | undefined;
  readonly serverName?: string | undefined;
  readonly minVersion?: "1.2" | "1.3" | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** An address, or a mapping that holds one. */
export type EndpointInput =
  | string
  | number
  | { readonly url: string | number; readonly weight?: number | undefined };

/** One address, or the whole policy. */
export type UpstreamInput =
  | string
  | number
  | {
      readonly endpoints: OneOrMany<EndpointInput>;
      readonly balance?: Balance | undefined;
      readonly health?: string | HealthInput | undefined;
      readonly ejection?: "off" | EjectionInput | undefined;
      readonly connections?: ConnectionsInput | undefined;
      readonly retries?: "off" | RetriesInput | undefined;
      readonly tls?: UpstreamTlsInput | undefined;
      readonly timeouts?: Pick<TimeoutsInput, AttemptTimeoutName> | undefined;
    };

/** See `schema/upstreams.ts`. */
export interface HealthInput {
  readonly path: string;
  readonly interval?: string | undefined;
  readonly timeout?: string | undefined;
  readonly expect?: OneOrMany<string | number> | undefined;
  readonly unhealthyAfter?: number | undefined;
  readonly healthyAfter?: number | undefined;
  readonly host?: string | undefined;
}

/** See `schema/upstreams.ts`. */
export interface EjectionInput {
  readonly consecutiveFailures?: number | undefined;
  readonly pause?: string | undefined;
  readonly maxPause?: string | undefined;
}

/** See `schema/upstreams.ts`. */
export interface ConnectionsInput {
  readonly max?: number | undefined;
  readonly maxPending?: number | undefined;
  readonly queueTimeout?: string | undefined;
  readonly idle?: string | undefined;
}

/** See `schema/retries.ts`. */
export interface RetriesInput {
  readonly attempts?: number | undefined;
  readonly on?: OneOrMany<429 | 502 | 503 | 504> | undefined;
  readonly idempotencyKey?: boolean | undefined;
  readonly budgetPercent?: number | undefined;
}

/** See `schema/timeouts.ts`. */
export interface TimeoutsInput {
  readonly handshake?: string | undefined;
  readonly head?: string | undefined;
  readonly bodyIdle?: string | undefined;
  readonly bodyGrace?: string | undefined;
  readonly write?: string | undefined;
  readonly keepAlive?: string | undefined;
  readonly connect?: string | undefined;
  readonly firstByte?: string | undefined;
  readonly responseIdle?: string | undefined;
  readonly tunnelIdle?: string | undefined;
  readonly stopDelay?: string | undefined;
  readonly drain?: string | undefined;
}

/** The timeouts that an upstream or a route may say otherwise. */
export type AttemptTimeoutName = "connect" | "firstByte" | "responseIdle" | "tunnelIdle";

/** See `schema/limits.ts`. */
export interface LimitsInput {
  readonly connections?: number | undefined;
  readonly handshakes?: number | undefined;
  readonly handshakeRate?: number | "off" | undefined;
  readonly bodyRate?: string | undefined;
}

/** See `schema/log.ts`. */
export interface LogInput {
  readonly access?: "auto" | "json" | "combined" | "pretty" | "off" | undefined;
  readonly level?: "debug" | "info" | "warn" | "error" | undefined;
}

/** See `schema/acme.ts`. */
export interface AcmeInput {
  readonly email?: string | undefined;
  readonly issuer?: OneOrMany<string | AcmeIssuerInput> | undefined;
  readonly challenges?: OneOrMany<AcmeChallengeType> | undefined;
  readonly dns?: AcmeDnsInput | undefined;
}

/** See `schema/acme.ts`. */
export interface AcmeIssuerInput {
  readonly url: string;
  readonly name?: string | undefined;
  readonly eab?: { readonly kid: string; readonly key: string } | undefined;
  readonly profile?: string | undefined;
  readonly chain?: string | undefined;
  readonly ca?: string | undefined;
}

/** See `schema/acme.ts`: one of the first four. */
export interface AcmeDnsInput {
  readonly exec?: OneOrMany<string> | undefined;
  readonly webhook?:
    | string
    | { readonly url: string; readonly token?: string | undefined }
    | undefined;
  readonly rfc2136?:
    | {
        readonly server: string;
        readonly zone?: string | undefined;
        readonly key?:
          | {
              readonly name: string;
              readonly algorithm?: "hmac-sha256" | "hmac-sha384" | "hmac-sha512" | undefined;
              readonly secret: string;
            }
          | undefined;
      }
    | undefined;
  readonly cloudflare?: { readonly token: string } | undefined;
  readonly resolvers?: OneOrMany<string> | undefined;
  readonly wait?: string | undefined;
}

/** See `schema/routes.ts`. */
export interface RouteInput<
  Filters extends FilterSchemas = FilterSchemas,
  Name extends string = string,
> {
  readonly name?: string | undefined;
  readonly match?: OneOrMany<string | MatchInput> | undefined;
  readonly priority?: number | undefined;
  readonly use?: readonly FilterInput<Filters>[] | undefined;
  readonly to?: Name | undefined;
  readonly pathPolicy?: "strict" | "lenient" | undefined;
  readonly timeouts?: Pick<TimeoutsInput, AttemptTimeoutName> | undefined;
  readonly upgrade?: OneOrMany<string> | undefined;
  readonly host?: string | undefined;
}

/** See `schema/match.ts`. */
export interface MatchInput {
  readonly host?: OneOrMany<string> | undefined;
  readonly path?: OneOrMany<string | { readonly regex: string }> | undefined;
  readonly methods?: OneOrMany<string> | undefined;
  readonly headers?: Readonly<Record<string, ValueTestInput>> | undefined;
  readonly query?: Readonly<Record<string, ValueTestInput>> | undefined;
  readonly clientIp?: OneOrMany<string> | undefined;
}

/** The value itself, several of them, a regular expression, or whether there is one at all. */
export type ValueTestInput =
  | OneOrMany<string>
  | { readonly regex?: string | undefined; readonly present?: boolean | undefined };

/** `{ stripPrefix: "/api" }`, or a filter made with the SDK in a TypeScript configuration. */
export type FilterInput<Filters extends FilterSchemas = FilterSchemas> =
  | {
      [Name in keyof Filters]: { readonly [Key in Name]: z.input<Filters[Name]["schema"]> };
    }[keyof Filters]
  | InlineFilter;

/** A filter that a TypeScript configuration carries itself; a function is short for `{ onRequestHead }`. */
export type InlineFilter = Filter | NonNullable<Filter["onRequestHead"]>;
