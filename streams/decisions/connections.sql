-- name: plans
-- Statements here find few rows by key, and are planned once per connection: often on tables that
-- are empty then and have ten thousand rows a minute later, of which a scan or a sort reads all.
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET enable_sort = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET plan_cache_mode = force_generic_plan;
