-- Who may drive or drop the letters of a topic: a lock that ends with the connection.

-- name: patience
SELECT set_config('lock_timeout', %(patience)s, false);

-- name: take
SELECT pg_advisory_lock(hashtextextended(%(name)s, 0));

-- name: look
SELECT 1;
