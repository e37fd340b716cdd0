/** Records of exchanges as the data plane has them when they have ended. */

import { HeaderList } from "#core/http/header-list.ts";
import { HEADER } from "#core/http/header-names.ts";
import type { ExchangeRecord } from "#model/record.ts";
import { recordWith } from "#telemetry/record.fixture.ts";
import { browserRequest } from "./traffic.ts";

const COUNT = 101;

/** Browsers' requests for pages of a site, answered by its only endpoint. */
export function records(): ExchangeRecord[] {
  return Array.from({ length: COUNT }, (_, n) => {
    const [startLine = "", ...lines] = browserRequest(n).trimEnd().split("\r\n");
    const fields = new HeaderList();
    for (const line of lines) {
      const colon = line.indexOf(":");
      fields.appendUnchecked(line.slice(0, colon), line.slice(colon + 2));
    }
    const at = (id: number): string => fields.valueAt(fields.indexOf(id));
    return recordWith({
      startedWall: Date.UTC(2026, 10, 24, 12) + n * 3,
      requestId: `m5k2j3abcdefg${(100_000 + n * 977).toString(36)}`,
      clientIp: `192.0.2.${n % 64}`,
      host: at(HEADER.host),
      target: startLine.split(" ")[1] ?? "",
      status: 200,
      responseBytes: 1024,
      fields,
      userAgent: at(HEADER["user-agent"]),
      referer: at(HEADER.referer),
      connectMs: 0,
      firstByteMs: 0.3 + n / 97,
      totalMs: 0.4 + n / 89,
    });
  });
}
