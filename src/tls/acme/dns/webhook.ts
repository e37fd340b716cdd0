/** TXT records by a URL of the user's own. */

import { callApi } from "./http.ts";
import type { DnsProvider, TxtRecord } from "./provider.ts";

/** Posts `{"action": "present", "name": …, "value": …}`, and `cleanup` later; any status from 200 to 299 means that it is done. */
export function webhookProvider(url: string, token: string | null): DnsProvider {
  const call = async (action: string, { name, value }: TxtRecord): Promise<void> => {
    await callApi("POST", url, token, { action, name, value });
  };
  return {
    present: (record) => call("present", record),
    cleanup: (record) => call("cleanup", record),
  };
}
