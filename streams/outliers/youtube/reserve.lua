-- Reserve units of the Data API, in every day given or in none. Answers {1, units left for this
-- purpose} or {0, units left, until}: until when the API itself said that there are none, or 0.
-- KEYS: the hashes of the days: this one, and just before midnight the next one too; and last the
-- mark of this reservation: a script whose answer was lost may be run again, and counts once.
-- ARGV: units, purpose, units of a day, units of a day for this purpose, seconds since 1970,
-- seconds that a hash is kept, the method that is called, seconds that the mark is kept.
local units, purpose = tonumber(ARGV[1]), 'spent:' .. ARGV[2]
local ended = {exhausted_until = true, ['exhausted_until:' .. ARGV[7]] = true}
local per_day, share, now = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local mark, least = KEYS[#KEYS], nil
local before = redis.call('GET', mark)
if before then return {1, tonumber(before), '0'} end
for number = 1, #KEYS - 1 do
    local key = KEYS[number]
    local pairs_of = redis.call('HGETALL', key)
    local total, own = 0, 0
    for i = 1, #pairs_of, 2 do
        if ended[pairs_of[i]] then
            if tonumber(pairs_of[i + 1]) > now then return {0, 0, pairs_of[i + 1]} end
        elseif string.sub(pairs_of[i], 1, 6) == 'spent:' then
            total = total + tonumber(pairs_of[i + 1])
            if pairs_of[i] == purpose then own = tonumber(pairs_of[i + 1]) end
        end
    end
    local left = math.max(0, math.min(per_day - total, share - own))
    least = math.min(least or left, left)
end
if units > least then return {0, least, '0'} end
redis.call('SET', mark, least - units, 'EX', ARGV[8])
for number = 1, #KEYS - 1 do
    local key = KEYS[number]
    redis.call('HINCRBY', key, purpose, units)
    redis.call('EXPIRE', key, ARGV[6])
end
return {1, least - units, '0'}
