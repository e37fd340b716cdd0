import type { Config } from "#config/types.ts";
import type { ListenAddress } from "#model/snapshot.ts";

/** A line for the log. */
export interface Announcement {
  readonly code: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Beyond this many upstreams their number says more than their names. */
const NAMED = 5;

/** What runs, in a few lines. */
export function announce(config: Pick<Config, "upstreams" | "routes">): Announcement[] {
  const { upstreams, routes } = config;
  if (upstreams.length <= NAMED) {
    return upstreams.map(({ name, endpoints }) => {
      const urls = endpoints.map(({ url }) => url);
      return {
        code: "upstream",
        message: `upstream ${name}: ${urls.join(", ")}`,
        fields: { upstream: name, endpoints: urls },
      };
    });
  }
  const endpoints = upstreams.reduce((sum, upstream) => sum + upstream.endpoints.length, 0);
  return [
    {
      code: "upstreams",
      message: `${routes.length} routes to ${upstreams.length} upstreams with ${endpoints} endpoints`,
      fields: { routes: routes.length, upstreams: upstreams.length, endpoints },
    },
  ];
}

/** An address as a browser on this machine takes it. */
export function urlOf(address: ListenAddress): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  const { host, port } = address;
  if (host === "" || host === "::" || host === "0.0.0.0") return `http://localhost:${port}`;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
