/**
 * Bounds on a ClientHello. None is configurable. Together they bound what comes before it is complete: at most
 * 64 KiB + 4 bytes of message and 4096 headers of 5 bytes, 84 KiB in all.
 */

/**
 * Longest body of the message, in bytes. Browsers stay below 4 KiB, key shares of ML-KEM and ECH included; what can be
 * long is a ticket, if its server has put a certificate of the client in, and post-quantum certificates can exceed a
 * record. It is what Go's crypto/tls takes too, and half of what OpenSSL takes (131 396: every field at its longest).
 */
export const MAX_HELLO: number = 64 * 1024;

/** Longest fragment in a record, in bytes (RFC 8446, 5.1). */
export const MAX_FRAGMENT: number = 16 * 1024;

/**
 * Most records that the message may be spread over. Fragments may be as short as a byte, and the hello of any browser
 * may come in such ones; a longer one needs longer fragments. 5 bytes of header for each bound what is kept and looked at.
 */
export const MAX_RECORDS = 4096;

/** Most protocols in ALPN: IANA has registered fewer than 64 in all, and each becomes a string. */
export const MAX_PROTOCOLS = 128;

/** Longest host name, in characters: 255 octets of DNS (RFC 1035, 2.3.4) as text without the final dot. */
export const MAX_HOST_NAME = 253;

/** Longest label of a host name, in characters (RFC 1035, 2.3.4). */
export const MAX_LABEL = 63;

/** Longest method of a request that came without TLS, in characters: IANA's longest has 17. */
export const MAX_METHOD = 32;
