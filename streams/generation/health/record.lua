-- Enter the outcome of a call. Answers the status before, the time, and the hash as it is then.
-- KEYS[1]: the provider's hash. Times are microseconds since 1970, by Redis' own clock: all
-- workers share it.
local ok, kind, reason = ARGV[1] == '1', ARGV[2], ARGV[3]
local seconds, cost, probe = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6] == '1'
local retry_after, chance = tonumber(ARGV[7]), tonumber(ARGV[8])
local degraded_after, open_after = tonumber(ARGV[9]), tonumber(ARGV[10])
local unreachable_after = tonumber(ARGV[11])
local cooldown, cooldown_most = tonumber(ARGV[12]), tonumber(ARGV[13])
local keep = ARGV[14]

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local key = KEYS[1]

local function number(name) return tonumber(redis.call('HGET', key, name)) or 0 end
local function set(name, value) redis.call('HSET', key, name, value) end
local function set_time(name, value) set(name, string.format('%.0f', value)) end
local function average(name, value)
    local before = tonumber(redis.call('HGET', key, name))
    set(name, string.format('%.9g', before and before * 0.8 + value * 0.2 or value))
end

local before = redis.call('HGET', key, 'status') or 'unknown'
local open_until = number('open_until')

if kind == 'busy' then
    set_time('busy_until', math.max(number('busy_until'), now + retry_after))
    set('probe_until', 0)
elseif ok or kind == 'refused' then
    redis.call('HSET', key, 'failures', 0, 'unreachable', 0, 'trips', 0, 'probe_until', 0)
    redis.call('HSET', key, 'open_until', 0, 'reason', '')
    open_until = 0
    if ok and not probe then
        average('avg_response_ms', seconds * 1000)
        average('cost_per_request', cost)
    end
else
    local failures = redis.call('HINCRBY', key, 'failures', 1)
    local unreachable = 0
    if kind == 'unreachable' then unreachable = redis.call('HINCRBY', key, 'unreachable', 1)
    else set('unreachable', 0) end
    set('reason', reason)
    local half_open = open_until > 0 and open_until <= now
    local too_many = failures >= open_after or unreachable >= unreachable_after
    -- A failure while it is open is of a call that began before: it lengthens nothing.
    if half_open or (open_until == 0 and too_many) then
        local trips = redis.call('HINCRBY', key, 'trips', 1)
        local wait = math.min(cooldown_most, cooldown * 2 ^ math.min(trips - 1, 30))
        open_until = now + math.max(wait * (0.5 + 0.5 * chance), retry_after)
        set_time('open_until', open_until)
        set('probe_until', 0)
    end
end

local status = 'healthy'
if open_until > 0 then status = 'unhealthy'
elseif number('failures') >= degraded_after then status = 'degraded' end
set('status', status)
set_time('checked_at', now)
redis.call('EXPIRE', key, keep)
return {before, string.format('%.0f', now), redis.call('HGETALL', key)}
