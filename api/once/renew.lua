-- A turn that goes on. KEYS[1]: the key's hash. ARGV: token of the one whose turn it is, the lease in
--   milliseconds.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
