/** Every scenario with TLS between client and proxy; the backend speaks plain HTTP. */

import { handshakeScenario, certificateScenario } from "./handshakes.ts";
import { idleScenario } from "./idle.ts";
import { loadScenario } from "./load.ts";
import { ours, type Scenario, type Subject, subjects } from "./scenario.ts";

const secure = { certificates: 1 };
const few = subjects([...ours, "nginx", "haproxy", "caddy"], secure);
const bulk = subjects([...ours, "nginx", "nginx-tuned", "haproxy", "caddy"], secure);

/** Clients of this process, which have more to keep for a connection than the proxies have. */
const IDLE_SHARE = 0.25;

const certificateSubjects: readonly Subject[] = [...ours, "nginx"].flatMap((peer) =>
  [1, 1000].map((certificates) => ({
    label: `${peer}, ${certificates === 1 ? "1 certificate" : "1 000 certificates"}`,
    peer,
    variant: { certificates },
  })),
);

/** All of them. */
export const tlsScenarios: readonly Scenario[] = [
  loadScenario({
    name: "tls-64",
    title: "TLS, a browser's heads, 1 KiB back, 64 connections",
    requests: "headline",
    connections: 64,
    subjects: few,
  }),
  handshakeScenario("tls-new", "TLS, a full handshake for each request, 64 at a time", few),
  loadScenario({
    name: "tls-download",
    title: "TLS, 10 MiB back, 8 connections",
    requests: "download",
    connections: 8,
    isBulk: true,
    subjects: bulk,
  }),
  certificateScenario(
    "tls-certificates",
    "TLS, 1 and 1 000 certificates, a full handshake for each request",
    certificateSubjects,
  ),
  idleScenario(
    "tls-idle",
    "Idle connections with TLS, one request on each before",
    few,
    IDLE_SHARE,
  ),
];
