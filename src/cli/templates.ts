/** What `sluice init` writes: a configuration that runs as it is, and shows the next steps in comments. */

/** sluice.yaml */
export const YAML = `# Run it with \`sluice run\`, check it with \`sluice check\`, and ask what happens to a request
# with \`sluice explain GET http://localhost:8080/\`. Changes to this file are applied while it runs.

listen: ":8080" # or a list: [":8080", "127.0.0.1:9000", "unix:/run/sluice.sock"]

upstreams:
  app: http://localhost:3000

  # Several backends, and what is known of their health:
  # api:
  #   endpoints:
  #     - http://127.0.0.1:9001
  #     - { url: "http://127.0.0.1:9002", weight: 2 }
  #   balance: least-requests # round-robin, random, least-requests, power-of-two
  #   health: { path: /healthz, interval: 5s }

routes:
  # The most specific match wins, whatever the order.
  # - match: example.com/api/*
  #   use:
  #     - stripPrefix: /api
  #   to: api
  - match: /*
    to: app

# Proxies in front of this one whose X-Forwarded-* fields are believed:
# trustedProxies: [10.0.0.0/8]

# timeouts: { connect: 3s, firstByte: 60s }
# limits: { connections: 10000 }
# log: { access: json } # json, combined, pretty, off
# admin: 127.0.0.1:9180 # metrics and health; off for none
`;

/** sluice.config.ts */
export const TYPESCRIPT = `// Run it with \`sluice run\`, check it with \`sluice check\`, and ask what happens to a request
// with \`sluice explain GET http://localhost:8080/\`. Changes to this file are applied while it runs.
import { defineConfig } from "sluice";

export default defineConfig({
  listen: ":8080",
  upstreams: {
    app: "http://localhost:3000",
    // Several backends, and what is known of their health:
    // api: {
    //   endpoints: ["http://127.0.0.1:9001", { url: "http://127.0.0.1:9002", weight: 2 }],
    //   balance: "least-requests",
    //   health: { path: "/healthz", interval: "5s" },
    // },
  },
  routes: [
    // The most specific match wins, whatever the order. \`to\` accepts the names above and no others.
    // { match: "example.com/api/*", use: [{ stripPrefix: "/api" }], to: "api" },
    { match: "/*", to: "app" },
  ],
});
`;
