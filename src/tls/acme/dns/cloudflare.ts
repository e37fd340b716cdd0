/** TXT records by the API of Cloudflare (version 4). */

import { listMember, textMember } from "../read.ts";
import { callApi } from "./http.ts";
import { type DnsProvider, type TxtRecord, dnsFault, zonesOf } from "./provider.ts";

const API = "https://api.cloudflare.com/client/v4";

/** @param api where the API is, if it is another one that speaks it */
export function cloudflareProvider(token: string, api: string = API): DnsProvider {
  const zoneOf = async (name: string): Promise<string> => {
    for (const zone of zonesOf(name)) {
      const found = await callApi("GET", `${api}/zones?name=${encodeURIComponent(zone)}`, token);
      const id = textMember(listMember(found, "result")[0], "id");
      if (id !== null) return id;
    }
    throw dnsFault(`the token of Cloudflare sees no zone for ${name}`);
  };
  const content = ({ value }: TxtRecord): string => `"${value}"`;
  return {
    present: async (record) => {
      const zone = await zoneOf(record.name);
      await callApi("POST", `${api}/zones/${zone}/dns_records`, token, {
        type: "TXT",
        name: record.name,
        content: content(record),
        ttl: 60,
      });
    },
    cleanup: async (record) => {
      const zone = await zoneOf(record.name);
      const query = `type=TXT&name=${encodeURIComponent(record.name)}`;
      const found = await callApi("GET", `${api}/zones/${zone}/dns_records?${query}`, token);
      for (const one of listMember(found, "result")) {
        const id = textMember(one, "id");
        const text = textMember(one, "content") ?? "";
        if (id === null || text.replaceAll('"', "") !== record.value) continue;
        await callApi("DELETE", `${api}/zones/${zone}/dns_records/${id}`, token);
      }
    },
  };
}
