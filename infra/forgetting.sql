-- Where a person's id stands in plain.

-- name: known
SELECT 1 WHERE to_regclass('jobs') IS NOT NULL;

-- name: jobs
SELECT count(*) FROM jobs WHERE user_id = %(user)s;
