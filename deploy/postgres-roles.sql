-- The two roles and the database of Sentra on PostgreSQL (14 or newer). As an administrator of the server:
--
--   psql -v owner_password="'…'" -v server_password="'…'" -f postgres-roles.sql
--
-- The owner migrates (`sentra migrate`) and nothing else. The server's role can neither change the schema nor get around
-- row-level security; `sentra serve` refuses any role that could.

CREATE ROLE sentra_owner LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB PASSWORD :owner_password;
CREATE ROLE sentra_server LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB PASSWORD :server_password;

CREATE DATABASE sentra OWNER sentra_owner ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE sentra FROM PUBLIC;
GRANT CONNECT ON DATABASE sentra TO sentra_server;

\connect sentra
-- Up to PostgreSQL 14 everybody may create objects in `public`.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
ALTER SCHEMA public OWNER TO sentra_owner;
