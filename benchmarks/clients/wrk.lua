-- For wrk: prints what was counted as JSON, and compares every body with the file BENCH_BODY names, if it names one.
-- BENCH_PATHS: paths with a blank between, which are requested one after the other in place of that of the URL.
local threads, file, paths, last = {}, os.getenv("BENCH_BODY"), {}, 0
for path in (os.getenv("BENCH_PATHS") or ""):gmatch("%S+") do table.insert(paths, path) end
if #paths > 0 then
   function request()
      last = last % #paths + 1
      return wrk.format(nil, paths[last])
   end
end
wrong = 0
function setup(thread) table.insert(threads, thread) end
if file then
   local handle = assert(io.open(file, "rb"))
   local expected = handle:read("*a")
   handle:close()
   function response(status, headers, body)
      if status ~= 200 or body ~= expected then wrong = wrong + 1 end
   end
end
function done(summary, latency)
   local errors, bad = summary.errors, 0
   for _, thread in ipairs(threads) do bad = bad + thread:get("wrong") end
   local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
   io.write(string.format(
      '\n{"requests":%d,"bytes":%d,"seconds":%.6f,"failed":%d,"wrong":%d,"p50_ms":%.3f,"p99_ms":%.3f}\n',
      summary.requests, summary.bytes, summary.duration / 1e6, failed, bad,
      latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
