/** Bounds on everything of a message that has to be kept or could go on for ever. None is configurable. */

/** Longest request line, without its CRLF, in bytes. */
export const MAX_REQUEST_LINE: number = 8 * 1024;
/** Longest head: start line, fields and all line ends, in bytes. */
export const MAX_HEAD: number = 32 * 1024;
/** Most fields in a head. */
export const MAX_FIELDS: number = 100;
/** Most options in all the `Connection` fields of a head: more cannot name fields that are there. */
export const MAX_CONNECTION_OPTIONS: number = 100;
/** Most digits of a chunk's size, leading zeros included. */
export const MAX_CHUNK_SIZE_DIGITS: number = 16;
/** Longest extension of one chunk, in bytes. */
export const MAX_CHUNK_EXTENSION: number = 1024;
/** Longest extensions of all the chunks of a body together, in bytes. */
export const MAX_CHUNK_EXTENSIONS: number = 64 * 1024;
/** Longest trailer section with all its line ends, in bytes. */
export const MAX_TRAILERS: number = 8 * 1024;
/** Most fields in a trailer section. */
export const MAX_TRAILER_FIELDS: number = 32;
/** Most interim responses before the final one. */
export const MAX_INTERIM_RESPONSES: number = 8;
/** An arena that grew beyond this for one large head is given back before the connection goes idle. */
export const KEPT_ARENA: number = 4 * 1024;
/** What it is replaced by. */
export const FRESH_ARENA: number = 1024;
