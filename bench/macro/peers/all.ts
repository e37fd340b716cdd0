/** Every peer, in the order of the report. */

import { caddy } from "./caddy.ts";
import { haproxyDefault, haproxySplice } from "./haproxy.ts";
import { nginxDefault, nginxTuned } from "./nginx.ts";
import { fastifyProxy, httpProxy, httpxy } from "./node-library.ts";
import type { Peer } from "./peer.ts";
import { sluice } from "./sluice.ts";
import { varnish } from "./varnish.ts";

/** All peers; `sluiceRoot` says where Sluice is installed. */
export function allPeers(sluiceRoot: () => string): readonly Peer[] {
  return [
    sluice("uring", sluiceRoot),
    sluice("node", sluiceRoot),
    nginxDefault,
    nginxTuned,
    haproxyDefault,
    haproxySplice,
    varnish,
    caddy,
    httpProxy,
    httpxy,
    fastifyProxy,
  ];
}
