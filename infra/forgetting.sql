-- Where a person's id stands in plain, and whether there are accounts.

-- name: accounts
SELECT to_regclass('identity_users') IS NOT NULL;

-- name: known
SELECT 1 WHERE to_regclass('jobs') IS NOT NULL;

-- name: jobs
SELECT count(*) FROM jobs WHERE user_id = %(user)s;
