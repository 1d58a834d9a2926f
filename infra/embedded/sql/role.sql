DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {role}) THEN
        CREATE ROLE {name} LOGIN;
    END IF;
END
$$;
ALTER ROLE {name} PASSWORD {password};
