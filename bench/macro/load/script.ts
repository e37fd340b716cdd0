/** The Lua script that wrk runs: what it sends, how long it pauses, and the numbers at the end. */

/** Begins the line of numbers that {@link luaScript} prints at the end. */
export const MARK = "@@result ";

/** What a script is made for. */
export interface ScriptOptions {
  /** File with the requests, a zero byte between them. */
  readonly requestFile: string;
  /** One request is sent as it is; of several each is sent in turn. */
  readonly requestCount: number;
  /** Mean pause before each request on a connection in milliseconds, exponentially distributed; 0 for none. */
  readonly pause: number;
}

/** The text of the script. */
export function luaScript({ requestFile, requestCount, pause }: ScriptOptions): string {
  const many = `
local last = 0
function request()
  last = last % #requests + 1
  return requests[last]
end`;
  const pausing = `
function delay()
  return math.floor(${pause} * -math.log(1 - math.random()) + 0.5)
end`;
  return `local requests = {}
local file = assert(io.open(${JSON.stringify(requestFile)}, "rb"))
for text in file:read("*a"):gmatch("[^%z]+") do requests[#requests + 1] = text end
file:close()

function init()
  wrk.format = function() return requests[1] end
end
${requestCount > 1 ? many : ""}
${pause > 0 ? pausing : ""}
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\\n${MARK}{"microseconds":%d,"requests":%d,"bytes":%d,"p50":%d,"p99":%d,"p999":%d,"max":%d,' ..
    '"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}\\n',
    summary.duration, summary.requests, summary.bytes,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9), latency.max,
    errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
`;
}
