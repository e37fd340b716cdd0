import { Buffer } from "node:buffer";
import { isIP } from "node:net";
import type { Slice } from "#core/bytes/slice.ts";
import type { BackendName, Security } from "../../tls.ts";
import { openSsl, type OpenSsl, type Pointer } from "./openssl.ts";
import { Pinned } from "./pinned.ts";
import type { SslContext } from "./ssl-context.ts";

const CTRL_HOST_NAME = 55;
const NO_PARTIAL_WILDCARDS = 0x4;
/** The only type of server name there is (RFC 6066 §3). */
const NAMETYPE_HOST = 0;

/** `SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN` */
const BOTH_SHUT_DOWN = 3;
const TLS1_3 = 0x0304;

const SSL_ERROR_WANT_READ = 2;
const SSL_ERROR_ZERO_RETURN = 6;

/** How a call has ended that brought nothing. */
export type Outcome =
  /** More has to arrive. */
  | "more"
  /** The peer has said that nothing will come (close_notify). */
  | "end"
  /** It is at fault: {@link Ssl.takeFault} says why. */
  | "fault";

/** Names of suites by their address, which is that of a constant. */
const CIPHERS: Map<Pointer, string> = new Map();

/** A session that a client may offer again. To be freed. */
export class SslSession {
  readonly #openssl: OpenSsl;
  #pointer: Pointer;

  /** @param pointer one reference, which passes */
  constructor(openssl: OpenSsl, pointer: Pointer) {
    this.#openssl = openssl;
    this.#pointer = pointer;
  }

  /** The address, for a call. @throws Error once it is freed */
  get pointer(): Pointer {
    if (this.#pointer === 0) throw new Error("the session has been freed");
    return this.#pointer;
  }

  free(): void {
    if (this.#pointer !== 0) this.#openssl.call.SSL_SESSION_free(this.#pointer);
    this.#pointer = 0;
  }
}

/**
 * Memory that all connections of a thread read from and write to, in turn: what arrives is handed over in it, what is to
 * be sent is taken out of it. So an idle connection has none, and a busy one finds it in the nearest cache.
 */
interface Exchange {
  readonly input: Pointer;
  readonly output: Pointer;
}

let shared: Exchange | undefined;

function exchange(openssl: OpenSsl): Exchange {
  shared ??= { input: openssl.newBio(), output: openssl.newBio() };
  return shared;
}

/**
 * One `SSL`: bytes of records in, plain bytes out, and the reverse.
 *
 * What arrives is put into memory that all connections share ({@link feed}), and what an operation has written lies in such
 * memory as well. So each operation is one call of this class, or a few in a row without anybody else in between: feed,
 * operate until it wants more, {@link unread} what is left over, and take out what was written ({@link written}, {@link take}).
 *
 * While shaking hands OpenSSL puts a buffer in front of where it writes, so until then that memory is the connection's own.
 *
 * SAFETY: freed once; every method throws afterwards, since 0 is no `SSL`. Bytes are read from and written to slices:
 * their bounds are checked against the mapping they lie in, or by the typed array that is passed.
 */
export class Ssl {
  readonly #openssl: OpenSsl;
  readonly #context: SslContext;
  readonly #input: Pointer;
  #pointer: Pointer;
  #output: Pointer;

  private constructor(context: SslContext) {
    this.#openssl = openSsl();
    this.#context = context;
    const { call } = this.#openssl;
    this.#input = exchange(this.#openssl).input;
    this.#output = this.#openssl.newBio();
    this.#pointer = context.attach();
    call.BIO_up_ref(this.#input);
    call.SSL_set_bio(this.#pointer, this.#input, this.#output);
  }

  /** The side of a server. @throws Error when its context has been released */
  static accept(context: SslContext): Ssl {
    const ssl = new Ssl(context);
    ssl.#openssl.call.SSL_set_accept_state(ssl.#pointer);
    return ssl;
  }

  /** The side of a client. @throws Error when its context has been released */
  static connect(context: SslContext, name: BackendName, session: SslSession | null): Ssl {
    const ssl = new Ssl(context);
    const { call } = ssl.#openssl;
    call.SSL_set_connect_state(ssl.#pointer);
    if (name.sni !== null) call.SSL_ctrlText(ssl.#pointer, CTRL_HOST_NAME, 0, name.sni);
    if (name.identity !== null) {
      // An identity that cannot be checked must not pass for one that was.
      if (!ssl.#expect(name.identity)) {
        ssl.free();
        throw new Error(`nobody can prove to be ${JSON.stringify(name.identity)}`);
      }
    }
    if (session !== null) call.SSL_set_session(ssl.#pointer, session.pointer);
    return ssl;
  }

  get freed(): boolean {
    return this.#pointer === 0;
  }

  /** Hands over `length` bytes from `start` bytes into a slice. What was fed before must have been taken. */
  feed(slice: Slice, start: number, length: number): void {
    const offset = slice.offset + start;
    if (start < 0 || length < 0 || start + length > slice.length) {
      throw new RangeError(`${length} bytes at ${start} are not within ${slice.length}`);
    }
    this.#alive();
    const { call } = this.#openssl;
    const { owner } = slice;
    const done =
      owner instanceof Pinned
        ? call.BIO_write(this.#input, owner.mapping.at(offset, length), length)
        : call.BIO_writeBytes(this.#input, slice.bytes.subarray(offset, offset + length), length);
    if (done !== length) throw new Error("OpenSSL has no memory");
  }

  /** What was fed and not taken, to be fed again; null if there is nothing. */
  unread(): Uint8Array | null {
    const rest = this.#openssl.drain(this.#input);
    return rest.length === 0 ? null : rest;
  }

  /** Goes on shaking hands. @returns "done" when it is over */
  handshake(): Outcome | "done" {
    this.#openssl.clearErrors();
    const result = this.#openssl.call.SSL_do_handshake(this.#alive());
    return result === 1 ? "done" : this.#outcome(result);
  }

  /** The handshake is over and what it has written was taken: from now on the shared memory is written to. */
  established(): void {
    const ssl = this.#alive();
    const { call } = this.#openssl;
    this.#output = exchange(this.#openssl).output;
    call.BIO_up_ref(this.#output);
    // Frees the one that was used so far.
    call.SSL_set0_wbio(ssl, this.#output);
  }

  /**
   * Decrypts what is next, one record at the most, into a slice from `start` bytes into it.
   *
   * @returns bytes; or 0 or less when there is none, which {@link outcome} explains
   */
  read(into: Slice, start: number): number {
    const length = into.length - start;
    const offset = into.offset + start;
    if (start < 0 || length <= 0) throw new RangeError(`nothing fits in at ${start}`);
    this.#openssl.clearErrors();
    const { call } = this.#openssl;
    const { owner } = into;
    return owner instanceof Pinned
      ? call.SSL_read(this.#alive(), owner.mapping.at(offset, length), length)
      : call.SSL_readBytes(this.#alive(), into.bytes.subarray(offset, offset + length), length);
  }

  /** What a result of {@link read} that is no number of bytes means. */
  outcome(result: number): Outcome {
    return this.#outcome(result);
  }

  /** Encrypts the first `length` bytes of memory that does not move, from `start` bytes into it. @returns false if it is at fault */
  write(owner: Pinned, start: number, length: number): boolean {
    if (!(length > 0)) throw new RangeError("there is nothing to write");
    const address = owner.mapping.at(start, length);
    return this.#openssl.call.SSL_write(this.#alive(), address, length) === length;
  }

  /** Says that nothing more will come from here (close_notify). */
  shutdown(): void {
    this.#openssl.call.SSL_shutdown(this.#alive());
    this.#openssl.clearErrors();
  }

  /** Bytes that were written and not taken. */
  written(): number {
    this.#alive();
    return this.#openssl.pending(this.#output);
  }

  /** Takes out what was written, at the most what fits from `start` bytes into a slice. @returns bytes */
  take(into: Slice, start: number): number {
    const length = into.length - start;
    const offset = into.offset + start;
    if (start < 0 || length <= 0) throw new RangeError(`nothing fits in at ${start}`);
    this.#alive();
    const { call } = this.#openssl;
    const { owner } = into;
    const taken =
      owner instanceof Pinned
        ? call.BIO_read(this.#output, owner.mapping.at(offset, length), length)
        : call.BIO_readBytes(this.#output, into.bytes.subarray(offset, offset + length), length);
    return Math.max(taken, 0);
  }

  /** Why it is at fault: the result of verifying the peer if that is what failed, and what OpenSSL says. Once. */
  takeFault(): { readonly verify: number; readonly reason: string } {
    const failed = this.#openssl.lastReason() === "certificate verify failed";
    const reason = this.#openssl.takeReason();
    const verify = failed ? this.#openssl.call.SSL_get_verify_result(this.#alive()) : 0;
    return { verify, reason };
  }

  /** How OpenSSL calls a result of verifying. */
  describe(verify: number): string {
    return this.#openssl.text.X509_verify_cert_error_string(verify) ?? "unknown";
  }

  /** Certificates that a server has sent, its own included. */
  get chainLength(): number {
    const chain = this.#openssl.call.SSL_get_peer_cert_chain(this.#alive());
    return chain === 0 ? 0 : this.#openssl.call.OPENSSL_sk_num(chain);
  }

  /** What was agreed on. */
  security(): Security {
    const { call } = this.#openssl;
    const ssl = this.#alive();
    const leaf = call.SSL_get0_peer_certificate(ssl);
    return {
      version: this.isTls13 ? "TLSv1.3" : "TLSv1.2",
      cipher: this.#cipher(call.SSL_get_current_cipher(ssl)),
      protocol: this.#protocol(),
      serverName: this.#openssl.text.SSL_get_servername(ssl, NAMETYPE_HOST) ?? null,
      resumed: call.SSL_session_reused(ssl) === 1,
      peerCertificate: leaf === 0 ? null : this.#openssl.derOf(leaf),
      peerChain: leaf === 0 ? [] : this.#chain(leaf),
    };
  }

  get isTls13(): boolean {
    return this.#openssl.call.SSL_version(this.#alive()) === TLS1_3;
  }

  /** The session, if it can be taken up again; else null. */
  session(): SslSession | null {
    const pointer = this.#openssl.call.SSL_get1_session(this.#alive());
    if (pointer === 0) return null;
    const session = new SslSession(this.#openssl, pointer);
    if (this.#openssl.call.SSL_SESSION_is_resumable(pointer) === 1) return session;
    session.free();
    return null;
  }

  /** Frees it. What was fed and not taken is dropped. */
  free(): void {
    if (this.#pointer === 0) return;
    const { call } = this.#openssl;
    // A connection that was cut off would take its session with it.
    call.SSL_set_shutdown(this.#pointer, BOTH_SHUT_DOWN);
    call.SSL_free(this.#pointer);
    this.#pointer = 0;
    // Nothing of it may be found by the next.
    this.#openssl.reset(this.#input);
    if (this.#output === shared?.output) this.#openssl.reset(this.#output);
    this.#output = 0;
    this.#context.detached();
  }

  /** Only a certificate of this name or address will do. @returns false if that is none */
  #expect(identity: string): boolean {
    // OpenSSL takes no name for "any", and a dot in front for "any below".
    if (!/^[^.\0][^\0]*$/.test(identity)) return false;
    const { call } = this.#openssl;
    const parameters = call.SSL_get0_param(this.#alive());
    call.X509_VERIFY_PARAM_set_hostflags(parameters, NO_PARTIAL_WILDCARDS);
    return (
      (isIP(identity) === 0
        ? call.X509_VERIFY_PARAM_set1_host(parameters, identity, 0)
        : call.X509_VERIFY_PARAM_set1_ip_asc(parameters, identity)) === 1
    );
  }

  #alive(): Pointer {
    if (this.#pointer === 0) throw new Error("the SSL has been freed");
    return this.#pointer;
  }

  #outcome(result: number): Outcome {
    const error = this.#openssl.call.SSL_get_error(this.#alive(), result);
    if (error === SSL_ERROR_WANT_READ) return "more";
    if (error === SSL_ERROR_ZERO_RETURN) return "end";
    return "fault";
  }

  #cipher(pointer: Pointer): string {
    let name = CIPHERS.get(pointer);
    if (name === undefined) {
      name = this.#openssl.text.SSL_CIPHER_get_name(pointer) ?? "";
      CIPHERS.set(pointer, name);
    }
    return name;
  }

  #protocol(): string {
    const address = [0];
    const length = [0];
    (this.#openssl.call.SSL_get0_alpn_selected as unknown as SelectedProtocol)(
      this.#pointer,
      address,
      length,
    );
    if (length[0] === 0) return "";
    return Buffer.from(this.#openssl.copy(Number(address[0]), length[0]!)).toString("latin1");
  }

  /** What the peer has sent beside its own certificate, which OpenSSL lists as well if the peer is a server. */
  #chain(leaf: Pointer): readonly Uint8Array[] {
    const { call } = this.#openssl;
    const list = call.SSL_get_peer_cert_chain(this.#pointer);
    if (list === 0) return [];
    const chain: Uint8Array[] = [];
    for (let i = 0; i < call.OPENSSL_sk_num(list); i++) {
      const certificate = call.OPENSSL_sk_value(list, i);
      if (certificate !== leaf) chain.push(this.#openssl.derOf(certificate));
    }
    return chain;
  }
}

type SelectedProtocol = (ssl: Pointer, address: number[], length: number[]) => void;
