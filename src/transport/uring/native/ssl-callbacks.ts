import type { OpenSsl, Pointer } from "./openssl.ts";

/** What a context of a server decides when OpenSSL asks. Kept for as long as a connection of it may ask. */
export interface ServerAnswers {
  /** In order of preference. */
  readonly protocols: readonly Uint8Array[];
  /** Keys of tickets, 48 bytes each: the first seals, all open. */
  ticketKeys: readonly Uint8Array[];
  /** OCSP responses by the address of the certificate that they belong to. */
  readonly responses: ReadonlyMap<Pointer, Uint8Array>;
}

const ALERT_FATAL = 2;
const OK = 0;
const NO_ACKNOWLEDGEMENT = 3;
const SET_OCSP_RESPONSE = 71;

const TLS1_3 = 0x0304;

/** Of a ticket's key, in bytes. */
const PART = 16;

/** Results of the callback for tickets. */
const FAILED = -1;
const NONE = 0;
const DONE = 1;
const RENEW = 2;

/** `OSSL_PARAM`: words of 8 bytes, and its type for text. */
const PARAMETER_WORDS = 5;
const UTF8_STRING = 4n;

/**
 * What OpenSSL calls: three functions for each thread, which find the context that a connection belongs to by its address.
 *
 * SAFETY: they run inside a call to OpenSSL. They throw nothing, call no handler, and write only to the addresses that
 * they are given, as many bytes as OpenSSL's documentation says are there.
 */
export class SslCallbacks {
  /** Of type `SSL_CTX_alpn_select_cb_func`. */
  readonly alpn: bigint;
  /** For `SSL_CTX_set_tlsext_ticket_key_evp_cb`. */
  readonly ticket: bigint;
  /** For `SSL_CTX_set_tlsext_status_cb`. */
  readonly status: bigint;
  readonly #openssl: OpenSsl;
  readonly #answers: Map<Pointer, ServerAnswers> = new Map();
  /** Parameters of a MAC: `digest` is SHA-256. */
  readonly #macParameters: Pointer;
  readonly #cipher: Pointer;

  constructor(openssl: OpenSsl) {
    this.#openssl = openssl;
    this.#cipher = openssl.call.EVP_aes_128_cbc();
    this.#macParameters = makeDigestParameters(openssl);
    const five = "uintptr_t, uintptr_t, uintptr_t, uintptr_t";
    this.alpn = openssl.callback(
      `int AlpnSelect(${five}, unsigned int, uintptr_t)`,
      (ssl, out, outLength, offered, length) =>
        guarded(ALERT_FATAL, () => this.#selectProtocol(ssl, out, outLength, offered, length)),
    );
    this.ticket = openssl.callback(
      `int TicketKey(${five}, uintptr_t, int)`,
      (ssl, name, iv, cipher, mac, seals) =>
        guarded(FAILED, () =>
          seals === 1
            ? this.#seal(ssl, name, iv, cipher, mac)
            : this.#open(ssl, name, iv, cipher, mac),
        ),
    );
    this.status = openssl.callback("int StatusRequest(uintptr_t, uintptr_t)", (ssl) =>
      guarded(NO_ACKNOWLEDGEMENT, () => this.#staple(ssl)),
    );
  }

  /** Connections of the context are answered so, until {@link forget}. */
  remember(context: Pointer, answers: ServerAnswers): void {
    this.#answers.set(context, answers);
  }

  forget(context: Pointer): void {
    this.#answers.delete(context);
  }

  #answersFor(ssl: Pointer): ServerAnswers | undefined {
    return this.#answers.get(this.#openssl.call.SSL_get_SSL_CTX(ssl));
  }

  #selectProtocol(
    ssl: Pointer,
    out: Pointer,
    outLength: Pointer,
    offered: Pointer,
    length: number,
  ): number {
    const list = this.#openssl.copy(offered, length);
    for (const protocol of this.#answersFor(ssl)?.protocols ?? []) {
      const at = findProtocol(list, protocol);
      if (at < 0) continue;
      // It points into what the client has offered, which OpenSSL copies from as soon as this returns.
      const { copyIn } = this.#openssl.call;
      copyIn(out, new Uint8Array(new BigUint64Array([BigInt(offered + at)]).buffer), 8);
      copyIn(outLength, Uint8Array.of(protocol.length), 1);
      return OK;
    }
    return ALERT_FATAL;
  }

  #seal(ssl: Pointer, name: Pointer, iv: Pointer, cipher: Pointer, mac: Pointer): number {
    const key = this.#answersFor(ssl)?.ticketKeys[0];
    if (key === undefined) return NONE;
    const { call } = this.#openssl;
    call.copyIn(name, key.subarray(0, PART), PART);
    if (call.RAND_bytes(iv, PART) !== 1) return FAILED;
    if (!this.#authenticate(mac, key)) return FAILED;
    const secret = key.subarray(2 * PART, 3 * PART);
    return call.EVP_EncryptInit_ex(cipher, this.#cipher, 0, secret, iv) === 1 ? DONE : FAILED;
  }

  #open(ssl: Pointer, name: Pointer, iv: Pointer, cipher: Pointer, mac: Pointer): number {
    const keys = this.#answersFor(ssl)?.ticketKeys ?? [];
    const wanted = this.#openssl.copy(name, PART);
    const index = keys.findIndex((key) => wanted.every((byte, i) => byte === key[i]));
    if (index < 0) return NONE;
    const key = keys[index]!;
    if (!this.#authenticate(mac, key)) return FAILED;
    const secret = key.subarray(2 * PART, 3 * PART);
    const { call } = this.#openssl;
    if (call.EVP_DecryptInit_ex(cipher, this.#cipher, 0, secret, iv) !== 1) return FAILED;
    // In TLS 1.3 clients use a ticket once, so that nobody can tell by it that two connections are theirs (RFC 8446 §C.4).
    return index === 0 && call.SSL_version(ssl) !== TLS1_3 ? DONE : RENEW;
  }

  #authenticate(mac: Pointer, key: Uint8Array): boolean {
    const secret = key.subarray(PART, 2 * PART);
    return this.#openssl.call.EVP_MAC_init(mac, secret, PART, this.#macParameters) === 1;
  }

  #staple(ssl: Pointer): number {
    const { call } = this.#openssl;
    const response = this.#answersFor(ssl)?.responses.get(call.SSL_get_certificate(ssl));
    if (response === undefined) return NO_ACKNOWLEDGEMENT;
    const memory = call.CRYPTO_malloc(response.length, 0, 0);
    if (memory === 0) return NO_ACKNOWLEDGEMENT;
    call.copyIn(memory, response, response.length);
    // The memory is OpenSSL's from here on.
    call.SSL_ctrl(ssl, SET_OCSP_RESPONSE, response.length, memory);
    return OK;
  }
}

/** Where in the list of a client (RFC 7301 §3.1: a byte for the length, then the name) a protocol is; -1 if it is not. */
function findProtocol(list: Uint8Array, protocol: Uint8Array): number {
  for (let at = 0; at < list.length; at += list[at]! + 1) {
    if (list[at] !== protocol.length || at + 1 + protocol.length > list.length) continue;
    if (protocol.every((byte, i) => byte === list[at + 1 + i])) return at + 1;
  }
  return -1;
}

/** An exception must not cross OpenSSL, which knows nothing of it. */
function guarded(otherwise: number, run: () => number): number {
  try {
    return run();
  } catch {
    return otherwise;
  }
}

/** `OSSL_PARAM`s that choose SHA-256 for an HMAC. They live as long as the process. */
function makeDigestParameters({ call }: OpenSsl): Pointer {
  const texts = new TextEncoder().encode("digest\0SHA256\0");
  const words = new BigUint64Array(2 * PARAMETER_WORDS);
  const bytes = words.byteLength;
  const memory = call.CRYPTO_malloc(bytes + texts.length, 0, 0);
  if (memory === 0) throw new Error("OpenSSL has no memory");
  // Name, type, value, its length, and what a reader would be told; then an entry without a name, the last.
  words.set([BigInt(memory + bytes), UTF8_STRING, BigInt(memory + bytes + 7), 6n, 2n ** 64n - 1n]);
  call.copyIn(memory, new Uint8Array(words.buffer), bytes);
  call.copyIn(memory + bytes, texts, texts.length);
  return memory;
}
