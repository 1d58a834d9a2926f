-- May a provider be called now? 1: yes. 0: no. A breaker whose cool-down is over lets one caller
-- through and keeps the others out until that one's outcome is recorded, or its lease runs out.
-- KEYS[1]: the provider's hash. ARGV[1]: the lease, microseconds.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local read = redis.call('HMGET', KEYS[1], 'busy_until', 'open_until', 'probe_until')
local busy, open, probe = tonumber(read[1]) or 0, tonumber(read[2]) or 0, tonumber(read[3]) or 0
if busy > now then return 0 end
if open == 0 then return 1 end
if open > now or probe > now then return 0 end
redis.call('HSET', KEYS[1], 'probe_until', string.format('%.0f', now + ARGV[1]))
return 1
