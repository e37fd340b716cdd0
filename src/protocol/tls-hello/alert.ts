/** Alerts: how TLS says that it goes no further (RFC 8446, 6). */

/** Descriptions of alerts that are sent before OpenSSL has a say (RFC 8446, 6.2; RFC 7301, 3.2). */
export const ALERT = {
  unexpectedMessage: 10,
  recordOverflow: 22,
  handshakeFailure: 40,
  illegalParameter: 47,
  decodeError: 50,
  protocolVersion: 70,
  internalError: 80,
  unrecognizedName: 112,
  noApplicationProtocol: 120,
} as const;

/** One of {@link ALERT}. */
export type AlertDescription = (typeof ALERT)[keyof typeof ALERT];

/** A warning lets the handshake go on; whoever has sent a fatal alert closes. */
export type AlertLevel = "warning" | "fatal";

const ALERT_RECORD = 21;

/**
 * The record with an alert in the clear, for a connection that no version has been agreed on yet. Its legacy_record_version
 * is the one that every record of a server has (RFC 8446, 5.1).
 */
export function writeAlert(level: AlertLevel, description: AlertDescription): Uint8Array {
  return Uint8Array.of(ALERT_RECORD, 3, 3, 0, 2, level === "fatal" ? 2 : 1, description);
}
