import type { ExchangeRecord } from "#model/record.ts";

/** What filters that only observe would have done: `rateLimit refused rate_limited`; "" if nothing. */
export function observedText({ filterActions }: ExchangeRecord): string {
  if (filterActions === null) return "";
  return filterActions
    .filter((one) => one.observed)
    .map(({ filter, action, detail }) => `${filter} ${action} ${detail}`.trimEnd())
    .join("; ");
}
