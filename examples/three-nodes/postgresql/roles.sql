-- The roles and the database, once, on the first primary, as postgres:
--   MILAF_PASSWORD=… REPLICATOR_PASSWORD=… psql -X -v ON_ERROR_STOP=1 -f roles.sql
-- There is no standby yet that could confirm these commits.
SET synchronous_commit = local;
\getenv milaf MILAF_PASSWORD
\getenv replicator REPLICATOR_PASSWORD
CREATE ROLE replicator LOGIN REPLICATION PASSWORD :'replicator';
CREATE ROLE milaf LOGIN PASSWORD :'milaf';
CREATE DATABASE milaf OWNER milaf ENCODING 'UTF8' TEMPLATE template0;
