/** Who has which rows of shared memory. */

import type { SharedTables } from "#model/shared/tables.ts";
import {
  ENDPOINT_SLOTS,
  FILTER_SLOTS,
  ROUTE_SLOTS,
  type SlotKeys,
  type Slots,
} from "./compile/compile.ts";
import { SlotAllocator } from "./compile/slots.ts";

/** Time in which the row of what left the configuration is not given away, in ms. */
const GRACE = 600_000;

/** The rows of one process. Configurations are compiled before there is any memory. */
export class Rows {
  /** Null until there is memory. */
  tables: SharedTables | null = null;
  readonly slots: Slots;

  /** `now`: monotonic milliseconds. */
  constructor(now: () => number) {
    this.slots = {
      endpoints: new SlotAllocator({
        capacity: ENDPOINT_SLOTS,
        grace: GRACE,
        now,
        isBusy: (slot) => (this.tables?.endpoints.connections(slot) ?? 0) > 0,
        onAssign: (slot) => this.tables?.endpoints.reset(slot),
      }),
      routes: new SlotAllocator({ capacity: ROUTE_SLOTS, grace: GRACE, now }),
      filters: new SlotAllocator({ capacity: FILTER_SLOTS, grace: GRACE, now }),
    };
  }

  /** Only these keep their rows. */
  retain({ endpoints, routes, filters }: SlotKeys): void {
    this.slots.endpoints.retain(endpoints);
    this.slots.routes.retain(routes);
    this.slots.filters.retain(filters);
  }
}
