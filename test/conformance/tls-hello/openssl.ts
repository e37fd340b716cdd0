/** What OpenSSL (the one in Node.js) makes of the first bytes of a connection. */

import { generateKeyPairSync, sign } from "node:crypto";
import { once } from "node:events";
import { Duplex } from "node:stream";
import {
  connect,
  createSecureContext,
  TLSSocket,
  type ConnectionOptions,
  type SecureContext,
  type SecureContextOptions,
} from "node:tls";
import { prefixed } from "#protocol/tls-hello/hello.fixture.ts";

/** What a server said and knew when it had read the bytes. */
export interface OpensslVerdict {
  /** `hello`: the handshake goes on. `alert`: refused. `nothing`: it waits for more. */
  readonly answer: "hello" | "alert" | "nothing";
  /** false where it has said nothing of it. */
  readonly serverName: string | false;
  /** null where it has said nothing of it. */
  readonly protocols: readonly string[] | null;
}

/** One end of a connection in memory. */
class End extends Duplex {
  /** What was written. */
  readonly written: Buffer[] = [];

  /** Waits until what was written is so. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await once(this, "written");
  }

  override _read(): void {}
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written.push(chunk);
    this.emit("written");
    done();
  }
}

/** DER: a value with its tag, or a list of values. */
function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  const size = length < 0x100 ? 1 : 2;
  return Buffer.concat([Buffer.of(tag, 0x80 | size), prefixed(size, content)]);
}

/** Key and certificate (X.509 version 1) that vouch for nothing. */
function selfSigned(): { key: string; cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const ecdsaWithSha256 = der(0x30, der(0x06, Buffer.from("2a8648ce3d040302", "hex")));
  const name = der(
    0x30,
    der(0x31, der(0x30, der(0x06, Buffer.of(0x55, 4, 3)), der(0x0c, Buffer.from("test")))),
  );
  const validity = der(
    0x30,
    der(0x17, Buffer.from("200101000000Z")),
    der(0x17, Buffer.from("491231235959Z")),
  );
  const key = publicKey.export({ type: "spki", format: "der" });
  const body = der(0x30, der(0x02, Buffer.of(1)), ecdsaWithSha256, name, validity, name, key);
  const signature = der(0x03, Buffer.of(0), sign("sha256", body, privateKey));
  const certificate = der(0x30, body, ecdsaWithSha256, signature).toString("base64");
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${certificate}\n-----END CERTIFICATE-----\n`,
  };
}

const pair = selfSigned();

/** A context of a server with a certificate. */
export function serverContext(options: SecureContextOptions = {}): SecureContext {
  return createSecureContext({ ...pair, ...options });
}

const anyServer = serverContext();

/** A server on one connection. */
export class OpensslServer {
  readonly end: End = new End();
  readonly socket: TLSSocket;
  serverName: string | false = false;
  protocols: readonly string[] | null = null;

  constructor(context: SecureContext = anyServer) {
    this.socket = new TLSSocket(this.end, {
      isServer: true,
      secureContext: context,
      SNICallback: (name, done) => {
        this.serverName = name;
        done(null, context);
      },
      ALPNCallback: ({ protocols }) => {
        this.protocols = protocols;
        return protocols[0];
      },
    });
    this.socket.on("error", () => {});
    this.socket.on("end", () => this.socket.destroy());
    this.socket.resume();
  }

  /** The name that OpenSSL reports now (SSL_get_servername). */
  reportedName(): unknown {
    const { _handle } = this.socket as TLSSocket & { _handle: { getServername(): unknown } };
    return _handle.getServername();
  }

  /** The type of the first record that it wrote from the `from`th write on; undefined before. */
  recordType(from = 0): number | undefined {
    return Buffer.concat(this.end.written.slice(from))[0];
  }
}

/** Gives a server these bytes and the end behind them. */
export async function askOpenssl(bytes: Uint8Array): Promise<OpensslVerdict> {
  const server = new OpensslServer();
  const closed = new Promise((resolve) => {
    server.socket.once("close", resolve);
  });
  server.end.push(bytes);
  server.end.push(null);
  // It ends once it has read the end: with an alert, or as a handshake that was broken off.
  await closed;
  const type = server.recordType();
  const answer = type === 22 ? "hello" : type === undefined ? "nothing" : "alert";
  return { answer, serverName: server.serverName, protocols: server.protocols };
}

/** A client that has said its hello. */
export interface OpensslClient {
  readonly hello: Buffer;
  readonly end: End;
}

/** The hello of a client with these options. */
export async function helloOf(options: ConnectionOptions = {}): Promise<OpensslClient> {
  const end = new End();
  const socket = connect({ socket: end, rejectUnauthorized: false, ...options });
  socket.on("error", () => {});
  await end.until(() => end.written.length > 0);
  return { hello: Buffer.concat(end.written), end };
}
