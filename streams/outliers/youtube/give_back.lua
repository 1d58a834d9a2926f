-- Take back a reservation of units that were certainly not spent.
-- KEYS: the hashes of the days that it was entered in. ARGV: units, purpose.
local purpose = 'spent:' .. ARGV[2]
for _, key in ipairs(KEYS) do
    -- A hash that is gone (Redis lost its data) is not to come back with less than nothing.
    local spent = tonumber(redis.call('HGET', key, purpose)) or 0
    if spent > 0 then redis.call('HINCRBY', key, purpose, -math.min(spent, tonumber(ARGV[1]))) end
end
return 1
