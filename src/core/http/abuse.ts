/** What a client of HTTP/2 can do too much of. */

/** Kinds of abuse: stable words, for logs and metrics. */
export const ABUSES = [
  /** Requests that are cancelled at once (CVE-2023-44487). */
  "rapid_resets",
  /** Faults that make us reset streams (CVE-2025-8671). */
  "provoked_resets",
  /** Header blocks in many or empty frames, or of many bytes (CVE-2024-27316). */
  "continuation_flood",
  "settings_flood",
  "ping_flood",
  /** DATA without data. */
  "empty_data_flood",
  /** WINDOW_UPDATE, PRIORITY and frames of unknown types beyond what the traffic explains. */
  "control_flood",
  /** Heads that are too large, one after the other. */
  "large_heads",
  /** A small block that stands for very large fields. */
  "hpack_bomb",
  /** More streams than were offered. */
  "stream_flood",
  /** Answers that wait for a window that the client does not open. */
  "window_stall",
] as const;

/** See {@link ABUSES}. */
export type Abuse = (typeof ABUSES)[number];
