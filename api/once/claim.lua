-- Whose turn is it to do what a key stands for? The first one's, until its lease is over.
-- KEYS[1]: the key's hash. ARGV: fingerprint of the request, token of the one who asks, the lease in
--   milliseconds.
-- Answers nothing where it is this one's turn, else fingerprint and kept answer ('' while it is made).
local found = redis.call('HMGET', KEYS[1], 'fingerprint', 'answer')
if found[1] then return {found[1], found[2] or ''} end
redis.call('HSET', KEYS[1], 'fingerprint', ARGV[1], 'token', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {}
