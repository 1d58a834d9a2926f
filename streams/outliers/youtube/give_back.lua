-- Take back a reservation of units that were certainly not spent.
-- KEYS: the hashes of the days that it was entered in, and the mark that it was taken back: a script
-- whose answer was lost may be run again. ARGV: units, purpose, seconds that the mark is kept.
local purpose = 'spent:' .. ARGV[2]
if not redis.call('SET', KEYS[#KEYS], 1, 'NX', 'EX', ARGV[3]) then return 0 end
for number = 1, #KEYS - 1 do
    local key = KEYS[number]
    -- A hash that is gone (Redis lost its data) is not to come back with less than nothing.
    local spent = tonumber(redis.call('HGET', key, purpose)) or 0
    if spent > 0 then redis.call('HINCRBY', key, purpose, -math.min(spent, tonumber(ARGV[1]))) end
end
return 1
