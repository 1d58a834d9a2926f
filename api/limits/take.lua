-- Take one request out of every limit that holds for somebody, or out of none.
--
-- KEYS[1]: the pace, a token bucket kept as the instant at which it is full again (the generic cell
--   rate algorithm). KEYS[2]: the amount, a sliding window of two aligned counters, the older of
--   which counts by the share of it that still lies within the window.
-- ARGV: microseconds a request of the pace takes to come back, how many it has at most (0: no pace);
--   requests a window has (0: no amount), its microseconds.
-- Answers: 1 or 0, taken or not; then of each the rest, microseconds until all is there again, and
--   until one is. The clock is Redis's own: processes on several machines agree.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local every, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local amount, window = tonumber(ARGV[3]), tonumber(ARGV[4])

local full, room = now, 1
if burst > 0 then
    full = math.max(tonumber(redis.call('GET', KEYS[1])) or 0, now)
    room = burst * every - (full - now)
end
local paced = burst == 0 or room >= every

local index, elapsed, current, before, weighed = 0, 0, 0, 0, 0
if amount > 0 then
    index = math.floor(now / window)
    elapsed = now - index * window
    local read = redis.call('HMGET', KEYS[2], 'window', 'current', 'before')
    local stood = tonumber(read[1]) or -2
    if stood == index then
        current, before = tonumber(read[2]), tonumber(read[3])
    elseif stood == index - 1 then
        before = tonumber(read[2])
    end
    weighed = current + before * (window - elapsed) / window
end
local within = amount == 0 or weighed + 1 <= amount

local taken = paced and within
if taken then
    if burst > 0 then
        full, room = full + every, room - every
        redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
    end
    if amount > 0 then
        current, weighed = current + 1, weighed + 1
        redis.call('HSET', KEYS[2], 'window', index, 'current', current, 'before', before)
        redis.call('PEXPIRE', KEYS[2], math.ceil(window / 500))
    end
end

local whole, soon = 0, 0
if amount > 0 then
    whole = window - elapsed + (current > 0 and window or 0)
    if weighed + 1 > amount then
        if current + 1 <= amount then
            soon = window * (1 - (amount - 1 - current) / before) - elapsed
        else
            soon = window - elapsed + window * (1 - (amount - 1) / current)
        end
    end
end
return {
    taken and 1 or 0,
    burst > 0 and math.max(math.floor(room / every), 0) or -1,
    full - now,
    burst > 0 and math.max(every - room, 0) or 0,
    amount > 0 and math.max(math.floor(amount - weighed), 0) or -1,
    math.ceil(whole),
    math.ceil(soon),
}
