import assert from "node:assert/strict";
import { argon2Sync, scryptSync } from "node:crypto";
import { describe, test } from "node:test";
import {
  type FakeExchange,
  type Fields,
  readOptions,
  startExchange,
} from "../../../test/harness/filter.ts";
import { TestFilterRuntime } from "../../../test/harness/filter-runtime.ts";
import { basicAuth } from "./config.ts";

const plain = (bytes: Buffer): string => bytes.toString("base64").replace(/=+$/, "");

function scryptHash(password: string): string {
  const salt = Buffer.from("salt of sixteen.");
  const hash = scryptSync(password, salt, 32, { N: 1024, r: 8, p: 1 });
  return `$scrypt$ln=10,r=8,p=1$${plain(salt)}$${plain(hash)}`;
}

function argonHash(password: string): string {
  const nonce = Buffer.from("salt of sixteen.");
  const cost = { nonce, parallelism: 1, tagLength: 32, memory: 64, passes: 1 };
  const hash = argon2Sync("argon2id", { message: password, ...cost });
  return `$argon2id$v=19$m=64,t=1,p=1$${plain(nonce)}$${plain(hash)}`;
}

const USERS = { users: { anna: scryptHash("s3cret"), böb: argonHash("pass:word") } };

const basic = (text: string): string => `Basic ${Buffer.from(text).toString("base64")}`;

interface Tried {
  readonly exchange: FakeExchange;
  readonly decision: Awaited<ReturnType<FakeExchange["requestHeadLate"]>>;
}

/** Requests with these fields; waits until the answer is there. */
async function tried(
  fields: Fields,
  options: object = {},
  runtime: TestFilterRuntime = new TestFilterRuntime(),
  clientIp = "192.0.2.1",
): Promise<Tried> {
  const use = [{ basicAuth: { ...USERS, ...options } }];
  const exchange = startExchange(use, { headers: fields, clientIp }, { runtime });
  const progress = { over: false };
  const deciding = exchange.requestHeadLate().finally(() => (progress.over = true));
  while (!progress.over) {
    await new Promise(setImmediate);
    if (runtime.waiting > 0) runtime.pass(1000);
  }
  return { exchange, decision: await deciding };
}

function log(text: string, ...rest: [object?, TestFilterRuntime?, string?]): Promise<Tried> {
  return tried([["Authorization", basic(text)]], ...rest);
}

describe("basicAuth", () => {
  test("lets pass who knows the password, by scrypt and by argon2", async () => {
    const anna = await log("anna:s3cret", { userHeader: "X-User" });
    assert.equal(anna.decision.kind, "continue");
    assert.deepEqual([...anna.exchange.request.headers], [["X-User", "anna"]]);
    const bob = await log("böb:pass:word", { userHeader: "X-User", passCredentials: true });
    assert.equal(bob.decision.kind, "continue");
    assert.equal(bob.exchange.request.headers.get("x-user"), Buffer.from("böb").toString("latin1"));
    assert.ok(bob.exchange.request.headers.has("authorization"));
  });

  const refused: [what: string, fields: Fields][] = [
    ["no credentials", []],
    ["a wrong password", [["Authorization", basic("anna:secret")]]],
    ["an unknown name", [["Authorization", basic("eve:s3cret")]]],
    ["a name of all objects", [["Authorization", basic("constructor:s3cret")]]],
    ["an empty password", [["Authorization", basic("anna:")]]],
    ["no colon", [["Authorization", basic("anna")]]],
    ["a longer password", [["Authorization", basic("anna:s3cret ")]]],
    ["another scheme", [["Authorization", "Bearer s3cret"]]],
    ["what is no base64", [["Authorization", "Basic anna:s3cret"]]],
    ["a field that a backend takes for the other", [["Authorization_", basic("anna:s3cret")]]],
    [
      "two fields, one of which is right",
      [
        ["Authorization", basic("eve:x")],
        ["authorization", basic("anna:s3cret")],
      ],
    ],
  ];
  for (const [what, fields] of refused) {
    test(`asks for a password for ${what}`, async () => {
      const { exchange, decision } = await tried(fields);
      assert.deepEqual(decision, { kind: "refuse", code: "unauthorized", detail: "" });
      const { headers } = exchange.respond(401, [], true);
      assert.equal(headers.get("www-authenticate"), 'Basic realm="restricted", charset="UTF-8"');
    });
  }

  test("takes the scheme in any case", async () => {
    const fields: Fields = [["authorization", basic("anna:s3cret").replace("Basic", "bASIC")]];
    assert.equal((await tried(fields)).decision.kind, "continue");
  });

  test("never lets the client say who it is", async () => {
    const fields: Fields = [
      ["X-User", "root"],
      ["x_user", "root"],
      ["Authorization", basic("anna:s3cret")],
    ];
    const { exchange } = await tried(fields, { userHeader: "X-User" });
    assert.deepEqual([...exchange.request.headers], [["X-User", "anna"]]);
    assert.ok(exchange.plan.ownFields.includes("x-user"));
  });

  test("makes who fails wait, and after ten failures looks at no password of that client", async () => {
    const runtime = new TestFilterRuntime();
    const before = runtime.time;
    for (let i = 0; i < 10; i++) {
      const { decision } = await log("anna:wrong", {}, runtime);
      assert.equal(decision.kind === "refuse" && decision.code, "unauthorized");
    }
    assert.equal(runtime.time - before, 10_000);
    // One of them has been paid off meanwhile.
    await log("anna:wrong", {}, runtime);
    const { exchange, decision } = await log("anna:s3cret", {}, runtime);
    assert.equal(decision.kind === "refuse" && decision.code, "rate_limited");
    assert.match(exchange.respond(429, [], true).headers.get("retry-after") ?? "", /^[1-6]$/);
    assert.equal((await log("anna:s3cret", {}, runtime, "192.0.2.2")).decision.kind, "continue");
    runtime.pass(6000);
    assert.equal((await log("anna:s3cret", {}, runtime)).decision.kind, "continue");
  });

  test("remembers for a while who was right, also while others of that address fail", async () => {
    const runtime = new TestFilterRuntime();
    assert.equal((await log("anna:s3cret", {}, runtime)).decision.kind, "continue");
    for (let i = 0; i < 12; i++) await log("anna:wrong", {}, runtime);
    const known = startExchange(
      [{ basicAuth: USERS }],
      { headers: [["Authorization", basic("anna:s3cret")]], clientIp: "192.0.2.1" },
      { runtime },
    );
    assert.equal(known.requestHead().kind, "continue", "at once, without deriving anything");
    runtime.pass(300_000);
    assert.equal((await log("anna:s3cret", {}, runtime)).decision.kind, "continue");
  });

  test("derives a bounded number of passwords at a time", async () => {
    const runtime = new TestFilterRuntime();
    const use = [{ basicAuth: USERS }];
    const all = Array.from({ length: 12 }, (_, i) =>
      startExchange(
        use,
        { headers: [["Authorization", basic("anna:s3cret")]], clientIp: `192.0.2.${i}` },
        { runtime },
      ).requestHeadLate(),
    );
    const kinds = (await Promise.all(all)).map(({ kind }) => kind);
    assert.equal(kinds.filter((kind) => kind === "continue").length, 8);
    assert.equal(kinds.filter((kind) => kind === "refuse").length, 4);
  });

  test("only observes when it is told so", async () => {
    const { exchange, decision } = await tried([], { mode: "observe" });
    assert.equal(decision.kind, "continue");
    assert.equal(exchange.actions[0]?.detail, "unauthorized");
  });

  test("reads further users from a file, and says on which line a mistake is", () => {
    const options = readOptions("basicAuth", { ...USERS, file: "users" }) as never;
    const read = (text: string): ReturnType<NonNullable<typeof basicAuth.withFiles>> =>
      basicAuth.withFiles!(options, new Map([["users", text]]));
    const right = read(`# staff\n\ncarl:${scryptHash("x")}\r\n`);
    assert.ok(right.ok);
    assert.deepEqual(
      right.value.users.map(([name]) => name),
      ["anna", "böb", "carl"],
    );
    const message = (text: string): string => {
      const result = read(text);
      return result.ok ? "" : result.message;
    };
    assert.match(message("\ncarl:plain"), /`users`, line 2: this is not a hashed password/);
    assert.match(message("carl:$2y$10$abcdefghijklmnopqrstuv"), /bcrypt cannot be checked/);
    assert.match(message(`anna:${scryptHash("x")}`), /`anna` stands twice/);
    assert.match(message(":x"), /name:hash/);
  });

  test("is refused where nobody could pass, or a hash is none, too weak or too dear", () => {
    const refused = (options: unknown, words: RegExp): void =>
      assert.throws(() => readOptions("basicAuth", options), words);
    const salted = "c2FsdHNhbHQ$Hf1vJ0XHmn8QvoV5mXwN1xJ0VqRrj5mQ0k2s7m1rB9Y";
    refused({}, /nobody could pass/);
    refused({ users: { anna: "s3cret" } }, /not a hashed password/);
    refused({ users: { anna: `$scrypt$ln=4,r=8,p=1$${salted}` } }, /too weak/);
    refused({ users: { anna: `$scrypt$ln=22,r=8,p=1$${salted}` } }, /takes too much/);
    refused({ users: { "an:na": scryptHash("x") } }, /no colon/);
    refused({ ...USERS, realm: 'a"b' }, /without quotes/);
    refused({ ...USERS, userHeader: "X-Forwarded-For" }, /written by the proxy/);
  });
});
