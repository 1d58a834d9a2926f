-- The end of a turn: keep its answer, or leave the turn to the next one who asks.
-- KEYS[1]: the key's hash. ARGV: token of the one whose turn it is, its answer ('': none), seconds
--   that the answer is kept.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
if ARGV[2] == '' then
    redis.call('DEL', KEYS[1])
else
    redis.call('HSET', KEYS[1], 'answer', ARGV[2])
    redis.call('HDEL', KEYS[1], 'token')
    redis.call('EXPIRE', KEYS[1], ARGV[3])
end
return 1
