-- Whether the installation has accounts.

-- name: nobody
SELECT NOT EXISTS (SELECT FROM identity_users) AS nobody;
