import { duration, z } from "#sdk/config.ts";
import type { AttemptTimeoutName, TimeoutsInput } from "../input.ts";
import type { AttemptTimeouts, TimeoutsConfig } from "../types.ts";
import { limitOfTime, limitOrOff } from "./scalars.ts";

const connect = limitOfTime().describe("Connecting to a backend: 504, after the retries.");
const firstByte = limitOfTime().describe(
  "Wait for the first byte of the response, from the end of the request: 504.",
);
const responseIdle = limitOrOff().describe(
  "Longest gap between two bytes of a response's body. Event streams and tunnels have no such limit. `off` for none.",
);
const tunnelIdle = limitOfTime().describe(
  "Longest time without a byte in either direction on a WebSocket or another upgraded connection.",
);

/** `timeouts` at the top: every one, with its default. */
export const timeoutsSchema: z.ZodType<TimeoutsConfig, TimeoutsInput | undefined> = z
  .strictObject({
    handshake: limitOfTime()
      .prefault("10s")
      .describe("A client's TLS handshake, from its connection on: closed."),
    head: limitOfTime()
      .prefault("15s")
      .describe("A request's head, from its first byte: 408. Protects against slow senders."),
    bodyIdle: limitOfTime()
      .prefault("60s")
      .describe(
        "Longest gap between two bytes of a request's body: 408. The clock stands still while the backend is what is slow.",
      ),
    bodyGrace: duration()
      .prefault("10s")
      .describe("How long a request's body may flow before `limits.bodyRate` is demanded of it."),
    write: limitOfTime()
      .prefault("60s")
      .describe(
        "Longest time in which a client takes no byte of what waits for it: its connection is reset.",
      ),
    keepAlive: limitOfTime()
      .prefault("65s")
      .describe(
        "How long a client's connection may stay without a request. Longer than the 60s of common load balancers.",
      ),
    connect: connect.prefault("3s").describe(connect.description ?? ""),
    firstByte: firstByte.prefault("60s").describe(firstByte.description ?? ""),
    responseIdle: responseIdle.prefault("120s").describe(responseIdle.description ?? ""),
    tunnelIdle: tunnelIdle.prefault("1h").describe(tunnelIdle.description ?? ""),
    stopDelay: duration({ max: 3_600_000 })
      .prefault("5s")
      .describe(
        'On SIGTERM: time between answering "not ready" and closing the listeners, for load balancers to notice.',
      ),
    drain: duration({ max: 86_400_000 })
      .prefault("30s")
      .describe(
        "When the process is stopped: time for running exchanges to end; then they are cut.",
      ),
  })
  .prefault({})
  .describe(
    "Time limits. Each has its own error code, and its clock runs only while the side that it blames is waited for.",
  );

/** `timeouts` of an upstream or of a route: what differs from those above it. */
export const attemptTimeoutsSchema: z.ZodType<
  AttemptTimeouts,
  Pick<TimeoutsInput, AttemptTimeoutName> | undefined
> = z
  .strictObject({ connect, firstByte, responseIdle, tunnelIdle })
  .partial()
  .prefault({})
  .describe(
    "Time limits where they differ: a route's win over its upstream's, and these over the global ones.",
  );
