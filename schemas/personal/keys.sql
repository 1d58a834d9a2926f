-- The keys of persons, and the one secret of the installation that they are sealed under.

-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('groundswell.personal', 0));

-- name: tables
CREATE TABLE IF NOT EXISTS person_root (
    -- Random; made once. Lookups and the sealing of keys come from it, so that a new
    -- PERSONAL_DATA_SECRET means sealing this row again and no other.
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    sealed_root bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS person_keys (
    reference bytea PRIMARY KEY, -- random; stands in the values sealed with the key
    lookup bytea NOT NULL UNIQUE, -- HMAC of the person's id: finds the key, tells nobody the id
    sealed_key bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- name: root
SELECT sealed_root FROM person_root;

-- name: set_root
INSERT INTO person_root (sealed_root) VALUES (%(sealed_root)b)
ON CONFLICT (single) DO UPDATE SET sealed_root = excluded.sealed_root, created_at = now();

-- name: by_lookup
SELECT lookup, reference, sealed_key FROM person_keys WHERE lookup = ANY(%(lookups)b::bytea[]);

-- name: by_reference
SELECT lookup, reference, sealed_key FROM person_keys
WHERE reference = ANY(%(references)b::bytea[]);

-- name: add
-- In the order of the lookups: two batches with persons in common cannot wait for each other.
INSERT INTO person_keys (lookup, reference, sealed_key)
SELECT * FROM unnest(%(lookups)b::bytea[], %(references)b::bytea[], %(keys)b::bytea[])
ON CONFLICT (lookup) DO NOTHING;

-- name: forget
DELETE FROM person_keys WHERE lookup = %(lookup)b;

-- name: forget_reference
DELETE FROM person_keys WHERE reference = %(reference)b;
