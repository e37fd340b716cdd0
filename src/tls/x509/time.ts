/** Dates in certificates and OCSP answers (RFC 5280 §4.1.2.5), as epoch milliseconds. */

import { civil, daysFrom } from "#core/time/calendar.ts";
import { DerError, type DerValue, TAG, der } from "./der.ts";

const FORM = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.\d+)?Z$/;

/** A GeneralizedTime or UTCTime. @throws DerError if it is none */
export function readTime(value: DerValue | undefined): number {
  if (value?.tag !== TAG.generalizedTime && value?.tag !== TAG.utcTime) {
    throw new DerError("no date");
  }
  const text = new TextDecoder("latin1").decode(value.content);
  // Two digits of a year mean 1950 to 2049.
  const century = text < "5" ? "20" : "19";
  const match = FORM.exec(value.tag === TAG.utcTime ? `${century}${text}` : text);
  if (match === null) throw new DerError("no date");
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1)
    .map(Number);
  return ((daysFrom(year, month, day) * 24 + hour) * 60 + minute) * 60_000 + second * 1000;
}

/** The date of a certificate: UTCTime until 2049, GeneralizedTime from then on. */
export function writeTime(wall: number): Uint8Array {
  const seconds = Math.floor(wall / 1000);
  const days = Math.floor(seconds / 86_400);
  const { year, month, day } = civil(days);
  const two = (number: number): string => String(number).padStart(2, "0");
  const ofDay = seconds - days * 86_400;
  const rest = [month, day, Math.floor(ofDay / 3600), Math.floor(ofDay / 60) % 60, ofDay % 60]
    .map(two)
    .join("");
  const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
  return year < 2050
    ? der(TAG.utcTime, ascii(`${two(year % 100)}${rest}Z`))
    : der(TAG.generalizedTime, ascii(`${year}${rest}Z`));
}
