/** A process of its own for the tests of the listeners: takes over what was passed to it, or opens one, and says so. */

import process from "node:process";
import { ListenerSet } from "./listener-set.ts";

const set = new ListenerSet();
const adopted = await set.adopt(process.env);
const first = adopted[0];
const address = first?.address ?? ({ kind: "tcp", host: "127.0.0.1", port: 0 } as const);
const failure = await set.open([{ id: "a", address }]);
const fd = await set.duplicate("a");
process.stdout.write(
  `${JSON.stringify({ adopted, failure, fd, address: set.addressOf("a"), helper: set.helper })}\n`,
);
setInterval(() => undefined, 1000);
