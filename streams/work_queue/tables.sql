-- name: lock
-- One process at a time makes tables; released with the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('groundswell generation tables', 0))

-- name: has_queue
SELECT to_regclass('procrastinate_jobs') IS NOT NULL
