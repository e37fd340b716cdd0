/** Quantities in fields: seconds and dates. */

import { daysFrom, httpDate } from "#core/time/calendar.ts";

/** Ages beyond this are this (RFC 9111 §1.2.2). */
const LONGEST = 2 ** 31;

/** Delta-seconds; 0 if it cannot be read, which makes an answer stale and nothing worse. */
export function deltaSeconds(argument: string | null): number {
  if (argument === null || !/^\d+$/.test(argument)) return 0;
  return Math.min(Number(argument), LONGEST);
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const IMF = /^[A-Za-z]{3}, (\d{2}) ([A-Za-z]{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/;
const RFC850 = /^[A-Za-z]{6,9}, (\d{2})-([A-Za-z]{3})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) GMT$/;
const ASCTIME = /^[A-Za-z]{3} ([A-Za-z]{3}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/;

/**
 * A date of HTTP in any of its three forms (RFC 9110 §5.6.7), as epoch milliseconds; NaN if it is none.
 *
 * @param now epoch milliseconds: years of two digits are at most 50 years ahead of it
 */
export function parseHttpDate(text: string, now: number): number {
  const imf = IMF.exec(text);
  if (imf !== null) return moment(Number(imf[3]), imf[2]!, imf[1]!, imf[4]!, imf[5]!, imf[6]!);
  const old = RFC850.exec(text);
  if (old !== null) {
    const century = Number(httpDate(now).slice(12, 14)) * 100;
    const year = century + Number(old[3]);
    const date = moment(year, old[2]!, old[1]!, old[4]!, old[5]!, old[6]!);
    return date - now > 50 * 365.25 * 86_400_000
      ? moment(year - 100, old[2]!, old[1]!, old[4]!, old[5]!, old[6]!)
      : date;
  }
  const c = ASCTIME.exec(text);
  if (c !== null) return moment(Number(c[6]), c[1]!, c[2]!.trim(), c[3]!, c[4]!, c[5]!);
  return Number.NaN;
}

function moment(
  year: number,
  monthName: string,
  day: string,
  hour: string,
  minute: string,
  second: string,
): number {
  const month = MONTHS.indexOf(monthName) + 1;
  const days = Number(day);
  if (month === 0 || days < 1 || days > 31) return Number.NaN;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return Number.NaN;
  const seconds = Number(hour) * 3600 + Number(minute) * 60 + Number(second);
  return (daysFrom(year, month, days) * 86_400 + seconds) * 1000;
}
