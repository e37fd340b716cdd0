/** Dates of log lines and of header fields, from epoch milliseconds, without asking the machine for anything. */

const DAYS: readonly string[] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

const MONTHS: readonly string[] = [
  "Jan",
  "Feb",
  "Mar",
  "Apr",
  "May",
  "Jun",
  "Jul",
  "Aug",
  "Sep",
  "Oct",
  "Nov",
  "Dec",
];

/**
 * The date as the common log format has it: `10/Oct/2000:13:55:36 -0700`.
 *
 * @param utcOffset minutes east of UTC
 */
export function commonLogDate(wall: number, utcOffset: number): string {
  const local = wall + utcOffset * 60_000;
  const { year, month, day } = civil(Math.floor(local / 86_400_000));
  const offset = Math.abs(utcOffset);
  const sign = utcOffset < 0 ? "-" : "+";
  return `${two(day)}/${MONTHS[month - 1]}/${year}:${timeOfDay(wall, utcOffset)} ${sign}${two(Math.floor(offset / 60))}${two(offset % 60)}`;
}

/**
 * `13:55:36`
 *
 * @param utcOffset minutes east of UTC
 */
export function timeOfDay(wall: number, utcOffset: number): string {
  const seconds = modulo(Math.floor(wall / 1000) + utcOffset * 60, 86_400);
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

/** The date of a header field, `Sun, 06 Nov 1994 08:49:37 GMT` (IMF-fixdate, RFC 9110 §5.6.7). */
export function httpDate(wall: number): string {
  const days = Math.floor(wall / 86_400_000);
  const { year, month, day } = civil(days);
  return `${DAYS[modulo(days + 4, 7)]}, ${two(day)} ${MONTHS[month - 1]} ${year} ${timeOfDay(wall, 0)} GMT`;
}

/** `2026-11-24`, in UTC. */
export function isoDate(wall: number): string {
  const { year, month, day } = civil(Math.floor(wall / 86_400_000));
  return `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}`;
}

/** The day of a Gregorian date, counted from 1970-01-01: {@link civil} the other way round. */
export function daysFrom(year: number, month: number, day: number): number {
  const march = (month + 9) % 12;
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const ofYear = Math.floor((153 * march + 2) / 5) + day - 1;
  const ofEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + ofYear;
  return era * 146_097 + ofEra - 719_468;
}

/**
 * The Gregorian date of a day counted from 1970-01-01. Years are taken to begin in March, so that the day that
 * a leap year adds is its last; 400 of them have always 146 097 days.
 */
export function civil(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const ofEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) /
      365,
  );
  const ofYear =
    ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const march = Math.floor((5 * ofYear + 2) / 153);
  const day = ofYear - Math.floor((153 * march + 2) / 5) + 1;
  const month = march < 10 ? march + 3 : march - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

function two(number: number): string {
  return number < 10 ? `0${number}` : String(number);
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}
