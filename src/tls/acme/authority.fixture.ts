/** A certificate authority in memory: as much of ACME as managers need, with renewal information, profiles, and any fault. */

import { Buffer } from "node:buffer";
import { X509Certificate, createPublicKey, randomBytes } from "node:crypto";

import { DAY, type Issued, issue } from "../certificates.fixture.ts";
import { writePem } from "../store/pem.ts";
import { extension, keyId, signCertificate } from "../x509/builder.ts";
import { OID, readCertificate } from "../x509/certificate.ts";
import { TAG, childrenOf, der, readDer, sequence } from "../x509/der.ts";
import { AcmeError } from "./problem.ts";
import { listMember, parseJson, textMember } from "./read.ts";
import type { AcmeAnswer, AcmeFetch, AcmeRequest } from "./request.ts";

/** A problem document with its status. */
export interface Fault {
  readonly status: number;
  readonly type: string;
  readonly detail?: string;
  /** Seconds. */
  readonly retryAfter?: number;
}

interface FakeOrder {
  readonly names: readonly string[];
  readonly profile: string | null;
  readonly replaces: string | null;
  status: "pending" | "ready" | "valid" | "invalid";
  chain: string;
  serial: string;
}

/** See the head of this file. */
export class FakeAuthority {
  readonly url: string;
  readonly orders: FakeOrder[] = [];
  /** Most orders that were open at once. */
  busiest = 0;
  accounts = 0;
  revoked = 0;
  /** It cannot be reached. */
  down = false;
  /** What an order is refused with. */
  refusesOrders: Fault | null = null;
  /** What it finds when it looks, by type of challenge. */
  readonly finds: Map<string, Fault> = new Map();
  /** A request to a path with this in it is lost. */
  loses: string | null = null;
  /** When the certificate of an order is to be renewed, epoch milliseconds; without any it does not say. */
  readonly windows: Map<number, { readonly start: number; readonly end: number }> = new Map();
  profiles: Readonly<Record<string, string>> | null = null;
  lifetime: number = 90 * DAY;
  readonly #root: Issued = issue({ by: null, commonName: "Fake Root", authority: true });
  readonly #wall: () => number;

  /** `wall`: epoch milliseconds. */
  constructor(url: string, wall: () => number) {
    this.url = url;
    this.#wall = wall;
  }

  readonly fetch: AcmeFetch = async (request) => {
    await new Promise(setImmediate);
    if (this.down || (this.loses !== null && request.url.includes(this.loses))) {
      throw new AcmeError({ reason: "network", detail: "connection refused" });
    }
    const answer = this.#answer(request);
    return {
      ...answer,
      headers: { "replay-nonce": randomBytes(8).toString("hex"), ...answer.headers },
    };
  };

  #answer({ url, body = "" }: AcmeRequest): AcmeAnswer {
    const path = url.slice(this.url.length);
    const payload = payloadOf(body);
    const [, kind = "", id = "", type = ""] = path.split("/");
    const order = this.orders[Number(id)];
    switch (kind) {
      case "directory":
        return answer(200, this.#directory());
      case "nonce":
        return answer(200, {});
      case "account":
        this.accounts++;
        return answer(201, {}, { location: `${this.url}/account/${this.accounts}` });
      case "new-order":
        return this.#order(payload);
      case "order":
        return answer(200, this.#describe(Number(id)));
      case "authorization":
        return answer(200, this.#authorization(Number(id)));
      case "challenge":
        return this.#look(order, type);
      case "finalize":
        if (order !== undefined) this.#finalize(order, textMember(payload, "csr") ?? "");
        return answer(200, this.#describe(Number(id)));
      case "certificate":
        return { status: 200, headers: {}, body: order?.chain ?? "" };
      case "revoke":
        this.revoked++;
        return answer(200, {});
      case "renewal":
        return this.#renewal(id);
      default:
        return problem({ status: 404, type: "malformed" });
    }
  }

  #directory(): unknown {
    const url = (name: string): string => `${this.url}/${name}`;
    return {
      newNonce: url("nonce"),
      newAccount: url("account"),
      newOrder: url("new-order"),
      revokeCert: url("revoke"),
      keyChange: url("key-change"),
      ...(this.windows.size === 0 ? {} : { renewalInfo: url("renewal") }),
      meta: {
        caaIdentities: ["ca.example"],
        ...(this.profiles === null ? {} : { profiles: this.profiles }),
      },
    };
  }

  #order(payload: unknown): AcmeAnswer {
    if (this.refusesOrders !== null) return problem(this.refusesOrders);
    const names = listMember(payload, "identifiers").map((one) => textMember(one, "value") ?? "");
    this.orders.push({
      names,
      profile: textMember(payload, "profile"),
      replaces: textMember(payload, "replaces"),
      status: "pending",
      chain: "",
      serial: "",
    });
    const open = this.orders.filter(({ status }) => status === "pending" || status === "ready");
    this.busiest = Math.max(this.busiest, open.length);
    const id = this.orders.length - 1;
    return answer(201, this.#describe(id), { location: `${this.url}/order/${id}` });
  }

  #describe(id: number): unknown {
    return {
      status: this.orders[id]?.status,
      authorizations: [`${this.url}/authorization/${id}`],
      finalize: `${this.url}/finalize/${id}`,
      ...(this.orders[id]?.status === "valid"
        ? { certificate: `${this.url}/certificate/${id}` }
        : {}),
    };
  }

  #authorization(id: number): unknown {
    const { names, status } = this.orders[id]!;
    const result = status === "pending" || status === "invalid" ? status : "valid";
    return {
      status: result,
      identifier: { type: "dns", value: names[0]?.replace("*.", "") },
      challenges: ["http-01", "tls-alpn-01", "dns-01"].map((type) => ({
        type,
        url: `${this.url}/challenge/${id}/${type}`,
        token: "a".repeat(20),
        status: result,
        ...(result === "invalid" && this.finds.has(type)
          ? { error: documentOf(this.finds.get(type)!) }
          : {}),
      })),
    };
  }

  #look(order: FakeOrder | undefined, type: string): AcmeAnswer {
    if (order?.status === "pending") order.status = this.finds.has(type) ? "invalid" : "ready";
    return answer(200, {});
  }

  #finalize(order: FakeOrder, request: string): void {
    const [info] = childrenOf(readDer(Buffer.from(request, "base64url")));
    const key = Buffer.from(childrenOf(info)[2]!.raw);
    const general = (name: string): Uint8Array => der(0x82, new TextEncoder().encode(name));
    const now = this.#wall();
    const certificate = signCertificate(
      {
        serial: randomBytes(12),
        issuer: this.#root.subject,
        subject: sequence(),
        notBefore: now,
        notAfter: now + this.lifetime,
        publicKey: createPublicKey({ key, format: "der", type: "spki" }),
        extensions: [
          extension(OID.subjectAltName, sequence(...order.names.map(general)), true),
          extension(
            OID.authorityKeyId,
            sequence(der(0x80, keyId(new X509Certificate(this.#root.pem).publicKey))),
          ),
          extension(OID.subjectKeyId, der(TAG.octets, randomBytes(8))),
        ],
      },
      this.#root.privateKey,
    );
    order.chain = writePem("CERTIFICATE", certificate);
    order.serial = Buffer.from(readCertificate(certificate).serial).toString("base64url");
    order.status = "valid";
  }

  #renewal(id: string): AcmeAnswer {
    const index = this.orders.findIndex(({ serial }) => id.endsWith(`.${serial}`));
    const window = this.windows.get(index);
    if (window === undefined) return problem({ status: 404, type: "malformed" });
    const iso = (wall: number): string => new Date(wall).toISOString();
    const suggestedWindow = { start: iso(window.start), end: iso(window.end) };
    return answer(200, { suggestedWindow }, { "retry-after": "21600" });
  }
}

function payloadOf(body: string): unknown {
  const encoded = textMember(parseJson(body), "payload") ?? "";
  return parseJson(Buffer.from(encoded, "base64url").toString("utf8"));
}

function answer(status: number, value: unknown, headers: Record<string, string> = {}): AcmeAnswer {
  return { status, headers, body: JSON.stringify(value) };
}

function problem(fault: Fault): AcmeAnswer {
  const { status, retryAfter } = fault;
  return answer(
    status,
    documentOf(fault),
    retryAfter === undefined ? {} : { "retry-after": String(retryAfter) },
  );
}

function documentOf({ type, detail = "as the test wants it", status }: Fault): unknown {
  return { type: `urn:ietf:params:acme:error:${type}`, detail, status };
}
