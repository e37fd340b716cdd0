// A chat server on port 3000: WebSockets need no option. `to` accepts only the names of the upstreams above it.
import { defineConfig } from "sluice";

export default defineConfig({
  listen: ":8080",
  upstreams: {
    chat: { endpoints: ["http://localhost:3000"], timeouts: { tunnelIdle: "10m" } },
  },
  routes: [
    { match: "/chat", to: "chat" },
    // Everything else but the chat itself speaks plain HTTP: nothing may switch protocols there.
    { match: "/*", upgrade: [], to: "chat" },
  ],
});
