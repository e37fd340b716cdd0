/** TXT records by dynamic updates (RFC 2136), signed with TSIG (RFC 8945), over TCP. */

import { Buffer } from "node:buffer";
import { randomInt } from "node:crypto";
import { connect } from "node:net";

import {
  DNS,
  type DnsAnswer,
  type TsigKey,
  readAnswer,
  signMessage,
  writeQuestion,
  writeUpdate,
} from "./message.ts";
import { type DnsProvider, type TxtRecord, dnsFault } from "./provider.ts";

/** How the name server is spoken to. */
export interface UpdateOptions {
  /** `host:port`, IPv6 in brackets. */
  readonly server: string;
  /** Null: found by asking. */
  readonly zone: string | null;
  readonly key: TsigKey | null;
  /** Epoch milliseconds. */
  readonly wall: () => number;
}

/** Longest silence of the server, milliseconds. */
const SILENCE = 10_000;

/** See the head of this file. */
export function updateProvider(options: UpdateOptions): DnsProvider {
  const { server, key, wall } = options;
  const ask = async (make: (id: number) => Uint8Array): Promise<DnsAnswer> => {
    const id = randomInt(0x10000);
    const answer = readAnswer(await exchange(server, make(id)));
    if (answer === null || answer.id !== id) throw dnsFault(`${server} does not speak DNS`);
    return answer;
  };
  const zoneOf = async (name: string): Promise<string> => {
    if (options.zone !== null) return options.zone;
    const { zones } = await ask((id) => writeQuestion(id, name, DNS.soa));
    const [zone] = zones;
    if (zone !== undefined && `.${name}`.endsWith(`.${zone}`)) return zone;
    throw dnsFault(`${server} knows no zone for ${name}: set acme.dns.rfc2136.zone`);
  };
  const update = async (record: TxtRecord, add: boolean): Promise<void> => {
    const zone = await zoneOf(record.name);
    const { code } = await ask((id) => {
      const message = writeUpdate(id, zone, record, add);
      return key === null ? message : signMessage(message, key, wall());
    });
    if (code !== 0)
      throw dnsFault(`${server} refused the update of ${record.name}: ${reasonOf(code)}`);
  };
  return { present: (record) => update(record, true), cleanup: (record) => update(record, false) };
}

function reasonOf(code: number): string {
  switch (code) {
    case 5:
      return "REFUSED, the key or this address may not change the zone";
    case 9:
      return "NOTAUTH, the key is another one there, the clocks differ, or it is not the primary server of the zone";
    case 10:
      return "NOTZONE, the name is not in the zone: set acme.dns.rfc2136.zone";
    default:
      return `code ${code}`;
  }
}

/** One message and its answer, each with its length before it (RFC 1035 §4.2.2). */
function exchange(server: string, message: Uint8Array): Promise<Uint8Array> {
  const colon = server.lastIndexOf(":");
  const host = server.slice(0, colon).replace(/^\[|\]$/g, "");
  const port = Number(server.slice(colon + 1));
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    let received = Buffer.alloc(0);
    const fail = (reason: string): void => {
      socket.destroy();
      reject(dnsFault(`the name server ${server} cannot be asked: ${reason}`));
    };
    socket.setTimeout(SILENCE, () => fail("it does not answer"));
    socket.on("error", (error) => fail(error.message));
    socket.on("end", () => fail("it has closed the connection"));
    socket.on("data", (bytes: Buffer) => {
      received = Buffer.concat([received, bytes]);
      if (received.length < 2) return;
      const length = received.readUInt16BE(0);
      if (received.length < length + 2) return;
      socket.destroy();
      resolve(received.subarray(2, length + 2));
    });
    socket.write(Buffer.concat([Buffer.of(message.length >> 8, message.length & 0xff), message]));
  });
}
