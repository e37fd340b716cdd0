import { Buffer } from "node:buffer";
import type { CertificatePair, ClientCertificates, TlsProfile } from "../../tls.ts";
import { must, openSsl, type OpenSsl, type Pointer } from "./openssl.ts";
import { readCertificates, readKey, readRevocationLists } from "./pem.ts";
import { type ServerAnswers, SslCallbacks } from "./ssl-callbacks.ts";

// Commands of `SSL_CTX_ctrl`.
const CTRL_MODE = 33;
const CTRL_SESSION_CACHE_MODE = 44;
const CTRL_STATUS_CALLBACK = 63;
const CTRL_GROUPS_LIST = 92;
const CTRL_MIN_VERSION = 123;
const CTRL_MAX_VERSION = 124;

const TLS1_2 = 0x0303;
const TLS1_3 = 0x0304;

/** Buffers of an idle connection are freed, and no issuers are looked for in the store of those that are believed. */
const MODE_RELEASE_BUFFERS = 0x10;
const MODE_NO_AUTO_CHAIN = 0x8;
const MODES = MODE_RELEASE_BUFFERS | MODE_NO_AUTO_CHAIN;

const OP_NO_COMPRESSION = 1 << 17;
const OP_CIPHER_SERVER_PREFERENCE = 1 << 22;
const OP_NO_RENEGOTIATION = 1 << 30;
const OP_NO_TICKET = 1 << 14;

/** Tickets that a client gets in TLS 1.3. Browsers use each once, and open a second connection while the first goes on. */
const TICKETS = 2;

const VERIFY_NONE = 0;
const VERIFY_PEER = 1;
const VERIFY_FAIL_IF_NO_PEER_CERT = 2;

const CRL_CHECK = 0x4;
const CRL_CHECK_ALL = 0x8;

/** The first OpenSSL that takes key shares of several groups in a list (`*X25519`). */
const SEVERAL_SHARES = 0x30500000;

/** Who may be asked for certificates that are believed by default: PEM texts. */
export type DefaultRoots = () => readonly string[];

/**
 * An `SSL_CTX`: what the connections made with it have in common.
 *
 * SAFETY: it is freed once ({@link release}), and `pointer` is 0 from then on. OpenSSL counts the connections that still
 * refer to it; what its callbacks need is kept until the last of them is freed ({@link detached}).
 */
export class SslContext {
  readonly openssl: OpenSsl = openSsl();
  readonly #server: boolean;
  /** As long as it is not released. */
  #pointer: Pointer;
  /** Stays as the name under which callbacks know it. */
  readonly #name: Pointer;
  readonly #answers: ServerAnswers;
  /** Connections that are not freed. */
  connections = 0;

  private constructor(server: boolean, protocols: readonly Uint8Array[]) {
    const { call } = this.openssl;
    this.#server = server;
    const method = server ? call.TLS_server_method() : call.TLS_client_method();
    this.#pointer = must(call.SSL_CTX_new(method));
    this.#name = this.#pointer;
    this.#answers = { protocols, ticketKeys: [], responses: new Map<Pointer, Uint8Array>() };
    call.SSL_CTX_ctrl(this.#pointer, CTRL_SESSION_CACHE_MODE, 0, 0);
    call.SSL_CTX_ctrl(this.#pointer, CTRL_MODE, MODES, 0);
    call.SSL_CTX_set_options(this.#pointer, OP_NO_COMPRESSION | OP_NO_RENEGOTIATION);
  }

  /** For connections of clients. @param session the session id context, 32 bytes at the most */
  static server(alpn: readonly string[], session: string): SslContext {
    const context = new SslContext(
      true,
      alpn.map((name) => Buffer.from(name, "latin1")),
    );
    const { call } = context.openssl;
    const pointer = context.#pointer;
    const id = Buffer.from(session, "latin1");
    call.SSL_CTX_set_session_id_context(pointer, id, id.length);
    call.SSL_CTX_set_max_early_data(pointer, 0);
    call.SSL_CTX_set_options(pointer, OP_CIPHER_SERVER_PREFERENCE | OP_NO_TICKET);
    call.SSL_CTX_set_num_tickets(pointer, 0);
    callbacks().remember(pointer, context.#answers);
    call.SSL_CTX_set_tlsext_ticket_key_evp_cb(pointer, callbacks().ticket);
    if (alpn.length > 0) call.SSL_CTX_set_alpn_select_cb(pointer, callbacks().alpn, 0);
    return context;
  }

  /** For connections to backends. */
  static client(alpn: readonly string[]): SslContext {
    const context = new SslContext(false, []);
    const list = Buffer.concat(
      alpn.map((name) => Buffer.from([name.length, ...Buffer.from(name, "latin1")])),
    );
    if (list.length > 0) {
      context.openssl.call.SSL_CTX_set_alpn_protos(context.#pointer, list, list.length);
    }
    return context;
  }

  /** Versions, suites and groups; a version without suites is not spoken. @throws Error with one sentence */
  setProfile(profile: TlsProfile): void {
    const { call } = this.openssl;
    const oldest = profile.minVersion === "TLSv1.3" ? TLS1_3 : TLS1_2;
    call.SSL_CTX_ctrl(this.#pointer, CTRL_MIN_VERSION, oldest, 0);
    if (oldest === TLS1_2 || profile.ciphers !== "") {
      this.#try("the list of suites for TLS 1.2 has none that this OpenSSL knows", () =>
        call.SSL_CTX_set_cipher_list(this.#pointer, profile.ciphers),
      );
    }
    if (oldest === TLS1_2 && profile.cipherSuites === "") {
      call.SSL_CTX_ctrl(this.#pointer, CTRL_MAX_VERSION, TLS1_2, 0);
    }
    this.#try("the list of suites for TLS 1.3 has none that this OpenSSL knows", () =>
      call.SSL_CTX_set_ciphersuites(this.#pointer, profile.cipherSuites),
    );
    const groups = profile.groups.filter((group) => this.#knows(group));
    if (groups.length === 0) {
      throw new Error("the list of groups has none that this OpenSSL knows");
    }
    call.SSL_CTX_ctrlText(this.#pointer, CTRL_GROUPS_LIST, 0, this.#groupList(groups));
  }

  /** @param name of the certificate, for messages. @throws Error with one sentence */
  useCertificate(pair: CertificatePair, name: string): void {
    const { call } = this.openssl;
    const chain = named(`${name}: the certificate`, () =>
      readCertificates(this.openssl, pair.chain),
    );
    let key = 0;
    const stack = must(call.OPENSSL_sk_new_null());
    try {
      key = named(`${name}: the key`, () => readKey(this.openssl, pair.key));
      const [leaf, ...issuers] = chain as [Pointer, ...Pointer[]];
      this.#try(`${name}: the key does not belong to the certificate`, () =>
        call.X509_check_private_key(leaf, key),
      );
      for (const issuer of issuers) call.OPENSSL_sk_push(stack, issuer);
      this.openssl.clearErrors();
      if (call.SSL_CTX_use_cert_and_key(this.#pointer, leaf, key, stack, 0) !== 1) {
        const reason = this.openssl.takeReason();
        throw new Error(
          reason === "not replacing certificate"
            ? `${name}: there is a certificate with a key of this type already`
            : `${name}: the certificate cannot be used (${reason})`,
        );
      }
      if (pair.ocsp !== undefined) this.#staple(leaf, pair.ocsp);
    } finally {
      call.OPENSSL_sk_free(stack);
      call.EVP_PKEY_free(key);
      // The context has references of its own.
      for (const certificate of chain) call.X509_free(certificate);
    }
  }

  /** Asks clients for certificates. @throws Error with one sentence */
  askClients({ mode, ca, crl }: ClientCertificates): void {
    const { call } = this.openssl;
    const store = makeStore(this.openssl, [ca], "the CA certificates of clients", (each) =>
      call.SSL_CTX_add_client_CA(this.#pointer, each),
    );
    call.SSL_CTX_set_cert_store(this.#pointer, store);
    if (crl !== null) {
      const lists = named("the revocation list", () => readRevocationLists(this.openssl, crl));
      for (const list of lists) {
        call.X509_STORE_add_crl(store, list);
        call.X509_CRL_free(list);
      }
      call.X509_STORE_set_flags(store, CRL_CHECK | CRL_CHECK_ALL);
    }
    const required = mode === "require" ? VERIFY_FAIL_IF_NO_PEER_CERT : 0;
    call.SSL_CTX_set_verify(this.#pointer, VERIFY_PEER | required, 0);
  }

  /** Verifies backends. @param ca PEM; null: those that are believed by default. @throws Error with one sentence */
  verifyServers(ca: string | null, defaults: DefaultRoots): void {
    const { call } = this.openssl;
    const store =
      ca === null
        ? defaultStore(this.openssl, defaults)
        : makeStore(this.openssl, [ca], "the CA certificates of backends");
    call.SSL_CTX_set_cert_store(this.#pointer, store);
    call.SSL_CTX_set_verify(this.#pointer, VERIFY_PEER, 0);
  }

  /** Believes whatever backends show. */
  verifyNobody(): void {
    this.openssl.call.SSL_CTX_set_verify(this.#pointer, VERIFY_NONE, 0);
  }

  /** Gives tickets from now on, and takes those under any of the keys; 48 bytes each, as `ticketKey` makes them. */
  setTicketKeys(keys: readonly Uint8Array[]): void {
    this.#answers.ticketKeys = keys;
    if (this.#pointer === 0) return;
    const { call } = this.openssl;
    if (keys.length > 0) call.SSL_CTX_clear_options(this.#pointer, OP_NO_TICKET);
    else call.SSL_CTX_set_options(this.#pointer, OP_NO_TICKET);
    call.SSL_CTX_set_num_tickets(this.#pointer, keys.length > 0 ? TICKETS : 0);
  }

  /** A new `SSL`, which has to be freed and then told of by {@link detached}. @throws Error after {@link release} */
  attach(): Pointer {
    if (this.#pointer === 0) throw new Error("the TLS context has been released");
    const ssl = must(this.openssl.call.SSL_new(this.#pointer));
    this.connections++;
    return ssl;
  }

  /** One that was attached has been freed. */
  detached(): void {
    this.connections--;
    this.#forget();
  }

  /** Frees it, as far as no connection refers to it. */
  release(): void {
    if (this.#pointer === 0) return;
    this.openssl.call.SSL_CTX_free(this.#pointer);
    this.#pointer = 0;
    this.#forget();
  }

  #forget(): void {
    if (this.#server && this.#pointer === 0 && this.connections === 0) {
      callbacks().forget(this.#name);
    }
  }

  #staple(certificate: Pointer, response: Uint8Array): void {
    const responses = this.#answers.responses as Map<Pointer, Uint8Array>;
    if (responses.size === 0) {
      const { status } = callbacks();
      this.openssl.call.SSL_CTX_callback_ctrl(this.#pointer, CTRL_STATUS_CALLBACK, status);
    }
    responses.set(certificate, Uint8Array.from(response));
  }

  #knows(group: string): boolean {
    if (!/^\w[\w-]*$/.test(group)) return false;
    const { call } = this.openssl;
    const known = call.SSL_CTX_ctrlText(this.#pointer, CTRL_GROUPS_LIST, 0, group) === 1;
    this.openssl.clearErrors();
    return known;
  }

  /**
   * A client sends key shares for the first two groups: a backend that lacks the first, a new one perhaps, does not cost
   * another round trip.
   */
  #groupList(groups: readonly string[]): string {
    if (this.#server || this.openssl.version < SEVERAL_SHARES) return groups.join(":");
    return groups.map((group, i) => (i < 2 ? `*${group}` : group)).join(":");
  }

  #try(sentence: string, run: () => number): void {
    this.openssl.clearErrors();
    const result = run();
    this.openssl.clearErrors();
    if (result !== 1) throw new Error(sentence);
  }
}

/** A store of certificates that are believed. To be freed, or given to a context. */
function makeStore(
  openssl: OpenSsl,
  bundles: readonly string[],
  name: string,
  onEach: (certificate: Pointer) => void = () => undefined,
): Pointer {
  const { call } = openssl;
  const store = must(call.X509_STORE_new());
  try {
    for (const bundle of bundles) {
      for (const certificate of named(`${name}: the certificate`, () =>
        readCertificates(openssl, bundle),
      )) {
        call.X509_STORE_add_cert(store, certificate);
        onEach(certificate);
        call.X509_free(certificate);
      }
    }
    return store;
  } catch (error) {
    call.X509_STORE_free(store);
    throw error;
  }
}

let defaultRoots: Pointer = 0;

/** One more reference to the store of what is believed by default, which is read once for each thread. */
function defaultStore(openssl: OpenSsl, roots: DefaultRoots): Pointer {
  if (defaultRoots === 0) defaultRoots = makeStore(openssl, roots(), "the system's issuers");
  openssl.call.X509_STORE_up_ref(defaultRoots);
  return defaultRoots;
}

/** Puts a name before the message of what `run` throws. */
function named<T>(name: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw new Error(`${name} ${(error as Error).message}`, { cause: error });
  }
}

let registered: SslCallbacks | undefined;

/** The callbacks of this thread. */
function callbacks(): SslCallbacks {
  registered ??= new SslCallbacks(openSsl());
  return registered;
}
