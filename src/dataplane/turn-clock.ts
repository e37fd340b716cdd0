import type { Clock } from "#core/time/clock.ts";
import type { Timers } from "#core/time/timers.ts";

/** The wall clock, asked once per turn, since a look at it costs as much as parsing a field: by `timers.now`, that is by the moment at which the turn began. */
export function readOncePerTurn(clock: Clock, timers: Timers): Clock {
  let turn = -1;
  let wall = 0;
  return {
    now: clock.now,
    wall: () => {
      if (timers.now !== turn) {
        turn = timers.now;
        wall = clock.wall();
      }
      return wall;
    },
  };
}
