-- A role sees its own database only.
REVOKE CONNECT ON DATABASE {name} FROM PUBLIC
