import { Buffer } from "node:buffer";
import { createRequire } from "node:module";
import type * as Koffi from "koffi";

/** An address of something of OpenSSL's; 0 for none. Never leaves this folder. */
export type Pointer = number;

/** A call as koffi makes it: numbers in, a number out; no number for functions without a result. */
type Call = (...values: readonly (number | bigint | null | string | Uint8Array)[]) => number;
/** A call whose result is text. */
type TextCall = (...values: readonly number[]) => string | null;

/**
 * The functions that are called, with the types that they have in OpenSSL 3. Structures are addresses as numbers.
 * Where a function appears with two types, the one ending in `Bytes` or `Text` takes JavaScript's bytes or text.
 */
const FUNCTIONS = {
  OpenSSL_version_num: "unsigned long OpenSSL_version_num()",
  ERR_clear_error: "void ERR_clear_error()",
  ERR_peek_error: "unsigned long ERR_peek_error()",
  ERR_peek_last_error: "unsigned long ERR_peek_last_error()",
  BIO_s_mem: "uintptr_t BIO_s_mem()",
  BIO_new: "uintptr_t BIO_new(uintptr_t)",
  BIO_free: "int BIO_free(uintptr_t)",
  BIO_up_ref: "int BIO_up_ref(uintptr_t)",
  BIO_ctrl: "long BIO_ctrl(uintptr_t, int, long, uintptr_t)",
  BIO_write: "int BIO_write(uintptr_t, uintptr_t, int)",
  BIO_writeBytes: "int BIO_write(uintptr_t, const void*, int)",
  BIO_read: "int BIO_read(uintptr_t, uintptr_t, int)",
  BIO_readBytes: "int BIO_read(uintptr_t, void*, int)",
  PEM_read_bio_X509: "uintptr_t PEM_read_bio_X509(uintptr_t, uintptr_t, uintptr_t, uintptr_t)",
  PEM_read_bio_X509_CRL:
    "uintptr_t PEM_read_bio_X509_CRL(uintptr_t, uintptr_t, uintptr_t, uintptr_t)",
  PEM_read_bio_PrivateKey:
    "uintptr_t PEM_read_bio_PrivateKey(uintptr_t, uintptr_t, uintptr_t, const char*)",
  X509_free: "void X509_free(uintptr_t)",
  X509_CRL_free: "void X509_CRL_free(uintptr_t)",
  X509_check_private_key: "int X509_check_private_key(uintptr_t, uintptr_t)",
  i2d_X509_bio: "int i2d_X509_bio(uintptr_t, uintptr_t)",
  EVP_PKEY_free: "void EVP_PKEY_free(uintptr_t)",
  OPENSSL_sk_new_null: "uintptr_t OPENSSL_sk_new_null()",
  OPENSSL_sk_push: "int OPENSSL_sk_push(uintptr_t, uintptr_t)",
  OPENSSL_sk_num: "int OPENSSL_sk_num(uintptr_t)",
  OPENSSL_sk_value: "uintptr_t OPENSSL_sk_value(uintptr_t, int)",
  OPENSSL_sk_free: "void OPENSSL_sk_free(uintptr_t)",
  X509_STORE_new: "uintptr_t X509_STORE_new()",
  X509_STORE_free: "void X509_STORE_free(uintptr_t)",
  X509_STORE_up_ref: "int X509_STORE_up_ref(uintptr_t)",
  X509_STORE_add_cert: "int X509_STORE_add_cert(uintptr_t, uintptr_t)",
  X509_STORE_add_crl: "int X509_STORE_add_crl(uintptr_t, uintptr_t)",
  X509_STORE_set_flags: "int X509_STORE_set_flags(uintptr_t, unsigned long)",
  X509_VERIFY_PARAM_set1_host: "int X509_VERIFY_PARAM_set1_host(uintptr_t, const char*, size_t)",
  X509_VERIFY_PARAM_set1_ip_asc: "int X509_VERIFY_PARAM_set1_ip_asc(uintptr_t, const char*)",
  X509_VERIFY_PARAM_set_hostflags: "void X509_VERIFY_PARAM_set_hostflags(uintptr_t, unsigned int)",
  TLS_server_method: "uintptr_t TLS_server_method()",
  TLS_client_method: "uintptr_t TLS_client_method()",
  SSL_CTX_new: "uintptr_t SSL_CTX_new(uintptr_t)",
  SSL_CTX_free: "void SSL_CTX_free(uintptr_t)",
  SSL_CTX_ctrl: "long SSL_CTX_ctrl(uintptr_t, int, long, uintptr_t)",
  SSL_CTX_ctrlText: "long SSL_CTX_ctrl(uintptr_t, int, long, const char*)",
  SSL_CTX_callback_ctrl: "long SSL_CTX_callback_ctrl(uintptr_t, int, uintptr_t)",
  SSL_CTX_set_options: "uint64_t SSL_CTX_set_options(uintptr_t, uint64_t)",
  SSL_CTX_clear_options: "uint64_t SSL_CTX_clear_options(uintptr_t, uint64_t)",
  SSL_CTX_set_cipher_list: "int SSL_CTX_set_cipher_list(uintptr_t, const char*)",
  SSL_CTX_set_ciphersuites: "int SSL_CTX_set_ciphersuites(uintptr_t, const char*)",
  SSL_CTX_use_cert_and_key:
    "int SSL_CTX_use_cert_and_key(uintptr_t, uintptr_t, uintptr_t, uintptr_t, int)",
  SSL_CTX_set_num_tickets: "int SSL_CTX_set_num_tickets(uintptr_t, size_t)",
  SSL_CTX_set_max_early_data: "int SSL_CTX_set_max_early_data(uintptr_t, uint32_t)",
  SSL_CTX_set_tlsext_ticket_key_evp_cb:
    "int SSL_CTX_set_tlsext_ticket_key_evp_cb(uintptr_t, uintptr_t)",
  SSL_CTX_set_session_id_context:
    "int SSL_CTX_set_session_id_context(uintptr_t, const void*, unsigned int)",
  SSL_CTX_set_alpn_select_cb: "void SSL_CTX_set_alpn_select_cb(uintptr_t, uintptr_t, uintptr_t)",
  SSL_CTX_set_alpn_protos: "int SSL_CTX_set_alpn_protos(uintptr_t, const void*, unsigned int)",
  SSL_CTX_set_verify: "void SSL_CTX_set_verify(uintptr_t, int, uintptr_t)",
  SSL_CTX_set_cert_store: "void SSL_CTX_set_cert_store(uintptr_t, uintptr_t)",
  SSL_CTX_add_client_CA: "int SSL_CTX_add_client_CA(uintptr_t, uintptr_t)",
  SSL_new: "uintptr_t SSL_new(uintptr_t)",
  SSL_free: "void SSL_free(uintptr_t)",
  SSL_set_bio: "void SSL_set_bio(uintptr_t, uintptr_t, uintptr_t)",
  SSL_set0_wbio: "void SSL_set0_wbio(uintptr_t, uintptr_t)",
  SSL_set_accept_state: "void SSL_set_accept_state(uintptr_t)",
  SSL_set_connect_state: "void SSL_set_connect_state(uintptr_t)",
  SSL_do_handshake: "int SSL_do_handshake(uintptr_t)",
  SSL_read: "int SSL_read(uintptr_t, uintptr_t, int)",
  SSL_readBytes: "int SSL_read(uintptr_t, void*, int)",
  SSL_write: "int SSL_write(uintptr_t, uintptr_t, int)",
  SSL_shutdown: "int SSL_shutdown(uintptr_t)",
  SSL_set_shutdown: "void SSL_set_shutdown(uintptr_t, int)",
  SSL_get_error: "int SSL_get_error(uintptr_t, int)",
  SSL_ctrl: "long SSL_ctrl(uintptr_t, int, long, uintptr_t)",
  SSL_ctrlText: "long SSL_ctrl(uintptr_t, int, long, const char*)",
  SSL_get0_param: "uintptr_t SSL_get0_param(uintptr_t)",
  SSL_get_SSL_CTX: "uintptr_t SSL_get_SSL_CTX(uintptr_t)",
  SSL_get_certificate: "uintptr_t SSL_get_certificate(uintptr_t)",
  SSL_version: "int SSL_version(uintptr_t)",
  SSL_get_current_cipher: "uintptr_t SSL_get_current_cipher(uintptr_t)",
  SSL_get0_alpn_selected:
    "void SSL_get0_alpn_selected(uintptr_t, _Out_ uintptr_t*, _Out_ unsigned int*)",
  SSL_session_reused: "int SSL_session_reused(uintptr_t)",
  SSL_get0_peer_certificate: "uintptr_t SSL_get0_peer_certificate(uintptr_t)",
  SSL_get_peer_cert_chain: "uintptr_t SSL_get_peer_cert_chain(uintptr_t)",
  SSL_get_verify_result: "long SSL_get_verify_result(uintptr_t)",
  SSL_set_session: "int SSL_set_session(uintptr_t, uintptr_t)",
  SSL_get1_session: "uintptr_t SSL_get1_session(uintptr_t)",
  SSL_SESSION_free: "void SSL_SESSION_free(uintptr_t)",
  SSL_SESSION_is_resumable: "int SSL_SESSION_is_resumable(uintptr_t)",
  RAND_bytes: "int RAND_bytes(uintptr_t, int)",
  EVP_aes_128_cbc: "uintptr_t EVP_aes_128_cbc()",
  EVP_EncryptInit_ex:
    "int EVP_EncryptInit_ex(uintptr_t, uintptr_t, uintptr_t, const void*, uintptr_t)",
  EVP_DecryptInit_ex:
    "int EVP_DecryptInit_ex(uintptr_t, uintptr_t, uintptr_t, const void*, uintptr_t)",
  EVP_MAC_init: "int EVP_MAC_init(uintptr_t, const void*, size_t, uintptr_t)",
  CRYPTO_malloc: "uintptr_t CRYPTO_malloc(size_t, uintptr_t, int)",
  CRYPTO_free: "void CRYPTO_free(uintptr_t, uintptr_t, int)",
  copyIn: "uintptr_t memcpy(uintptr_t, const void*, size_t)",
  copyOut: "uintptr_t memcpy(void*, uintptr_t, size_t)",
} as const;

/** Functions whose result is text. */
const TEXTS = {
  OpenSSL_version: "const char* OpenSSL_version(int)",
  ERR_reason_error_string: "const char* ERR_reason_error_string(unsigned long)",
  SSL_CIPHER_get_name: "const char* SSL_CIPHER_get_name(uintptr_t)",
  SSL_get_servername: "const char* SSL_get_servername(uintptr_t, int)",
  X509_verify_cert_error_string: "const char* X509_verify_cert_error_string(long)",
} as const;

/** The major version whose functions these are. */
const MAJOR = 3;

const BIO_CTRL_RESET = 1;
const BIO_CTRL_PENDING = 10;

/**
 * The functions of the OpenSSL that the Node.js binary exports, and what is written in terms of them alone. One for
 * each thread ({@link openSsl}).
 *
 * SAFETY: nothing outside of this folder sees an address of OpenSSL's. Each structure belongs to one object (`SslContext`,
 * `Ssl`, `SslSession`) that frees it once and calls nothing with it afterwards. Typed arrays and text that are passed
 * are read or written before the call returns. A length that crosses is that of the array passed with it, or was checked
 * against a mapping (`Mapping.at`).
 */
export class OpenSsl {
  readonly call: Readonly<Record<keyof typeof FUNCTIONS, Call>>;
  readonly text: Readonly<Record<keyof typeof TEXTS, TextCall>>;
  /** Such as `OpenSSL 3.5.4`. */
  readonly name: string;
  /** Its version as OpenSSL numbers it: 0x30500040 for 3.5.4. */
  readonly version: number;
  readonly #koffi: typeof Koffi;

  /**
   * @param load finds the functions of a library; without it, those of the Node.js binary
   * @throws Error when koffi is not installed, or this is no OpenSSL 3 with everything that is called
   */
  constructor(load?: (definition: string) => unknown) {
    const koffi = createRequire(import.meta.url)("koffi") as typeof Koffi;
    const library = koffi.load(null);
    this.#koffi = koffi;
    const find = ([name, definition]: readonly [string, string]): [string, unknown] => {
      try {
        return [name, load === undefined ? library.func(definition) : load(definition)];
      } catch {
        throw unusable(`does not export ${/(\w+)\(/.exec(definition)![1]}`);
      }
    };
    this.text = Object.fromEntries(Object.entries(TEXTS).map(find)) as OpenSsl["text"];
    this.name = (this.text.OpenSSL_version(0) ?? "").split(" ", 2).join(" ");
    this.call = Object.fromEntries(Object.entries(FUNCTIONS).map(find)) as OpenSsl["call"];
    this.version = this.call.OpenSSL_version_num();
    if (this.version >>> 28 !== MAJOR) throw unusable(`has ${this.name}`);
  }

  /** A function that C may call for as long as this thread lives. It must not throw. */
  callback(definition: string, run: (...values: number[]) => number): bigint {
    return this.#koffi.register(run, this.#koffi.pointer(this.#koffi.proto(definition)));
  }

  /** Forgets errors that somebody has left: the next one is that of the next call. */
  clearErrors(): void {
    // To look is cheaper than to clear, and there is nearly never one.
    if (this.call.ERR_peek_error() !== 0) this.call.ERR_clear_error();
  }

  /** What the oldest error says in words, which is the cause of the others; forgets all. */
  takeReason(): string {
    const code = this.call.ERR_peek_error();
    this.call.ERR_clear_error();
    return this.text.ERR_reason_error_string(code) ?? "unknown reason";
  }

  /** What the last error says in words: what has failed. */
  lastReason(): string {
    return this.text.ERR_reason_error_string(this.call.ERR_peek_last_error()) ?? "";
  }

  /** Memory to read from that holds these bytes. To be freed. */
  bioOf(bytes: Uint8Array): Pointer {
    const bio = this.newBio();
    this.call.BIO_writeBytes(bio, bytes, bytes.length);
    return bio;
  }

  /** Empty memory to write to and read from; at its end a reader is asked to come again. */
  newBio(): Pointer {
    return must(this.call.BIO_new(this.call.BIO_s_mem()));
  }

  /** Bytes in it. */
  pending(bio: Pointer): number {
    return this.call.BIO_ctrl(bio, BIO_CTRL_PENDING, 0, 0);
  }

  /** Drops what is in it. */
  reset(bio: Pointer): void {
    this.call.BIO_ctrl(bio, BIO_CTRL_RESET, 0, 0);
  }

  /** Takes out everything, into JavaScript's heap. */
  drain(bio: Pointer): Uint8Array {
    const bytes = Buffer.allocUnsafeSlow(this.pending(bio));
    if (bytes.length > 0) this.call.BIO_readBytes(bio, bytes, bytes.length);
    return bytes;
  }

  /** `length` bytes from an address that OpenSSL has given for the time of a call. */
  copy(address: Pointer, length: number): Uint8Array {
    const bytes = Buffer.allocUnsafeSlow(length);
    if (length > 0) this.call.copyOut(bytes, address, length);
    return bytes;
  }

  /** The certificate in DER. */
  derOf(certificate: Pointer): Uint8Array {
    const bio = this.newBio();
    this.call.i2d_X509_bio(bio, certificate);
    const der = this.drain(bio);
    this.call.BIO_free(bio);
    return der;
  }
}

/** @throws Error when there was no memory for it */
export function must(pointer: Pointer): Pointer {
  if (pointer === 0) throw new Error("OpenSSL has no memory");
  return pointer;
}

/** The error of a Node.js whose OpenSSL is not the one that is known here. */
function unusable(what: string): Error {
  return Object.assign(new Error(`this Node.js ${what}, and TLS here calls OpenSSL ${MAJOR}`), {
    code: "ERR_NO_OPENSSL",
  });
}

let opened: OpenSsl | undefined;

/** The OpenSSL of this thread. @throws as the constructor does */
export function openSsl(): OpenSsl {
  opened ??= new OpenSsl();
  return opened;
}
