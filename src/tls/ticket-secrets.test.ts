import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualScheduler } from "#core/time/scheduler.fixture.ts";
import { ROTATION, TicketSecrets } from "./ticket-secrets.ts";

test("a new secret seals tickets every twelve hours, and those of the last day still open", async () => {
  const scheduler = new ManualScheduler();
  const told: (readonly Uint8Array[])[] = [];
  const secrets = new TicketSecrets(scheduler, (current) => told.push(current));
  const [first] = secrets.current;
  assert.equal(first?.length, 32);
  await scheduler.pass(ROTATION - 1);
  assert.equal(told.length, 0);
  await scheduler.pass(1);
  assert.equal(told.length, 1);
  assert.equal(secrets.current[1], first);
  assert.notDeepEqual(secrets.current[0], first);
  await scheduler.pass(ROTATION);
  assert.equal(secrets.current.indexOf(first), 2);
  await scheduler.pass(ROTATION);
  assert.equal(secrets.current.includes(first), false);
  assert.equal(secrets.current.length, 3);
  secrets.stop();
  await scheduler.pass(ROTATION);
  assert.equal(told.length, 3);
});
