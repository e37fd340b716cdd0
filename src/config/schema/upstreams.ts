import { headerValue, message, oneOrMany, text, z } from "#sdk/config.ts";
import { parseEndpoint } from "../address.ts";
import type {
  ConnectionsInput,
  EjectionInput,
  EndpointInput,
  HealthInput,
  UpstreamInput,
} from "../input.ts";
import { parseStatusRange } from "../status.ts";
import type {
  ConnectionsConfig,
  EjectionConfig,
  EndpointConfig,
  HealthConfig,
  StatusRange,
  UpstreamConfig,
} from "../types.ts";
import { retriesSchema } from "./retries.ts";
import { limitOfTime, name, port } from "./scalars.ts";
import { attemptTimeoutsSchema } from "./timeouts.ts";
import { upstreamTls } from "./tls.ts";

const address: z.ZodType<EndpointConfig, string | number> = z.union([
  text(parseEndpoint, { expected: "an address", example: "http://localhost:3000" }),
  port.transform((number): EndpointConfig => {
    return {
      address: { kind: "tcp", host: "localhost", port: number },
      url: `http://localhost:${number}`,
      authority: number === 80 ? "localhost" : `localhost:${number}`,
      weight: 1,
      secure: false,
    };
  }),
]);

const endpoint: z.ZodType<EndpointConfig, EndpointInput> = z.union([
  address,
  z
    .strictObject({
      url: address.describe(
        "Address of the backend: `http://host:port`, `https://host`, `host:port`, `:3000` (on this machine), `unix:/run/app.sock`.",
      ),
      weight: z
        .int()
        .min(1)
        .max(1000)
        .prefault(1)
        .describe("Share of the requests, relative to the other endpoints."),
    })
    .transform((written): EndpointConfig => ({ ...written.url, weight: written.weight })),
]);

const balance = z
  .enum(["round-robin", "random", "least-requests", "power-of-two"])
  .prefault("round-robin")
  .describe(
    "How an endpoint is chosen: `round-robin` in turn, `random`, `least-requests` the one with the fewest requests in progress, `power-of-two` the less busy of two random ones. All heed weights.",
  );

const status: z.ZodType<StatusRange, string | number> = z.union([
  z
    .int()
    .min(100)
    .max(599)
    .transform((code): StatusRange => ({ from: code, to: code })),
  text(parseStatusRange, { expected: "a status or a range", example: "200-399" }),
]);

const checkPath: z.ZodType<string, string> = text(
  (path) =>
    /^\/[\u0021-\u007e]*$/.test(path)
      ? { ok: true, value: path }
      : { ok: false, message: `\`${path}\` is not a path`, hint: "for example `/healthz`" },
  { expected: "a path", example: "/healthz" },
);

const healthObject: z.ZodType<HealthConfig, HealthInput> = z.strictObject({
  path: checkPath.describe("Path (and query) that is fetched by GET from every endpoint."),
  interval: limitOfTime()
    .prefault("10s")
    .describe(
      "Mean time between two checks of one endpoint; each is moved by up to 10 % so that they spread.",
    ),
  timeout: limitOfTime().prefault("2s").describe("Time for a whole check."),
  expect: oneOrMany(status)
    .prefault(["200-399"])
    .describe("Statuses that count as healthy: `200`, `200-299`, `2xx`, or a list of these."),
  unhealthyAfter: z
    .int()
    .min(1)
    .max(100)
    .prefault(3)
    .describe("Failed checks in a row that take an endpoint out."),
  healthyAfter: z
    .int()
    .min(1)
    .max(100)
    .prefault(2)
    .describe("Successful checks in a row that take it back."),
  host: headerValue()
    .optional()
    .transform((written) => written ?? null)
    .describe("Host field to send; without it the endpoint's own address."),
});

const health: z.ZodType<HealthConfig | null, string | HealthInput | undefined> = z
  .union([checkPath.transform((path) => healthObject.parse({ path })), healthObject])
  .optional()
  .transform((written) => written ?? null)
  .describe(
    "Active checks of every endpoint, from the control plane: a path, or a mapping. Without it endpoints are not probed.",
  );

const ejection: z.ZodType<EjectionConfig | null, "off" | EjectionInput | undefined> = z
  .union([
    z.literal("off").transform(() => null),
    z
      .strictObject({
        consecutiveFailures: z
          .int()
          .min(1)
          .max(1000)
          .prefault(5)
          .describe(
            "Failures to connect in a row after which an endpoint is left out for a while.",
          ),
        pause: limitOfTime()
          .prefault("10s")
          .describe("Length of the first ejection; each further one doubles it."),
        maxPause: limitOfTime().prefault("5m").describe("Longest ejection."),
      })
      .refine(({ pause, maxPause }) => pause <= maxPause, {
        path: ["maxPause"],
        message: message("`maxPause` is shorter than `pause`", "make it at least as long"),
      }),
  ])
  .prefault({})
  .describe("Leaving out endpoints that refuse connections: `off`, or a mapping.");

const connections: z.ZodType<ConnectionsConfig, ConnectionsInput | undefined> = z
  .strictObject({
    max: z
      .int()
      .min(1)
      .max(1_000_000)
      .optional()
      .transform((written) => written ?? null)
      .describe(
        "Connections to one endpoint from the whole process. Without it there is no limit.",
      ),
    maxPending: z
      .int()
      .min(0)
      .max(1_000_000)
      .prefault(1024)
      .describe(
        "Requests that may wait for a connection to one endpoint, in the whole process: 503 beyond it.",
      ),
    queueTimeout: limitOfTime()
      .prefault("5s")
      .describe("How long a request may wait for a connection: 503."),
    idle: limitOfTime()
      .prefault("4s")
      .describe(
        "How long an idle connection is kept for reuse, until the backend says by `Keep-Alive: timeout` how long it keeps its own (then a second less, and 60s at most).",
      ),
  })
  .prefault({})
  .describe("Connections to the backends. They are kept open and reused.");

const policy = {
  balance,
  health,
  ejection,
  connections,
  retries: retriesSchema,
  tls: upstreamTls,
  timeouts: attemptTimeoutsSchema,
};

const upstream: z.ZodType<Omit<UpstreamConfig, "name">, UpstreamInput> = z.union([
  // The short form is checked here rather than rewritten, so that its mistakes are reported where it stands.
  address.transform((endpoint) => ({ endpoints: [endpoint], ...z.object(policy).parse({}) })),
  z.strictObject({
    endpoints: oneOrMany(endpoint).describe(
      "Backend addresses, each a string or `{ url, weight }`: `http://host:port`, `https://host`, `host:port`, `:3000` (on this machine), `unix:/run/app.sock`. Names are resolved again and again, and all their addresses are used.",
    ),
    ...policy,
  }),
]);

/** `upstreams`: pools of backends by name. */
export const upstreamsSchema: z.ZodType<
  UpstreamConfig[],
  Readonly<Record<string, UpstreamInput>> | undefined
> = z
  .record(name, upstream)
  .prefault({})
  .transform((written) =>
    Object.entries(written).map(([key, value]): UpstreamConfig => ({ name: key, ...value })),
  )
  .describe(
    "Pools of backends by name; each an address, or a mapping with `endpoints` and a policy.",
  );
