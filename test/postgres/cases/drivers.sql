-- What drivers, pools and frameworks send by themselves.

-- group: libpq looks for a writable server
-- modes: simple
SHOW transaction_read_only;
SELECT pg_catalog.pg_is_in_recovery();
SHOW transaction_read_only\; SELECT pg_catalog.pg_is_in_recovery();

-- group: pools clean up
CREATE SEQUENCE s;
SELECT nextval('s');
SELECT pg_advisory_unlock_all();
CLOSE ALL;
UNLISTEN *;
RESET ALL;
SELECT currval('s');
SET SESSION AUTHORIZATION DEFAULT;
RESET ROLE;
RESET SESSION AUTHORIZATION;
DISCARD TEMP;
DISCARD SEQUENCES;
SELECT currval('s');
DISCARD ALL;
SELECT 1;
select 1;
SELECT 'x';
SELECT 1 AS alive;
SELECT NULL;
SELECT;

-- group: a pool's clean-up in one text
-- modes: simple
SELECT pg_advisory_unlock_all()\; CLOSE ALL\; UNLISTEN *\; RESET ALL;
RESET ALL\; CLOSE ALL\; UNLISTEN *\; SELECT pg_advisory_unlock_all()\; DISCARD SEQUENCES\; DISCARD TEMP;

-- group: PgBouncer
SET client_encoding='UTF8';
SET DateStyle='ISO, MDY';
SET TimeZone='Etc/UTC';
SET standard_conforming_strings='on';
SET application_name='app';
SET application_name TO 'app - 127.0.0.1:5000';
select 1;

-- group: pgjdbc
SET extra_float_digits = 3;
SET application_name = 'PostgreSQL JDBC Driver';
SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY;
SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE;
SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED;
SHOW TRANSACTION ISOLATION LEVEL;
SELECT current_schema();
SELECT n.nspname = ANY(current_schemas(true)), n.nspname, t.typname FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON t.typnamespace = n.oid WHERE t.oid = $1;
-- with: ["20"]
SELECT typinput='pg_catalog.array_in'::regproc as is_array, typtype, typname, pg_type.oid FROM pg_catalog.pg_type LEFT JOIN (select ns.oid as nspoid, ns.nspname, r.r from pg_namespace as ns join ( select s.r, (current_schemas(false))[s.r] as nspname from generate_series(1, array_upper(current_schemas(false), 1)) as s(r) ) as r using ( nspname ) ) as sp ON sp.nspoid = typnamespace WHERE pg_type.oid = $1 ORDER BY sp.r, pg_type.oid DESC;
-- with: ["20"]
SELECT NULL AS TABLE_CAT, nspname AS TABLE_SCHEM FROM pg_catalog.pg_namespace WHERE nspname = 'public' ORDER BY TABLE_SCHEM;

-- group: pgjdbc lists sequences
CREATE SEQUENCE orders_seq;
SELECT NULL AS TABLE_CAT, n.nspname AS TABLE_SCHEM, c.relname AS TABLE_NAME, CASE n.nspname ~ '^pg_' OR n.nspname = 'information_schema' WHEN true THEN 'SYSTEM' WHEN false THEN CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE NULL END ELSE NULL END AS TABLE_TYPE FROM pg_catalog.pg_namespace n, pg_catalog.pg_class c WHERE c.relnamespace = n.oid AND c.relkind = 'S' AND n.nspname = 'public' ORDER BY TABLE_TYPE, TABLE_SCHEM, TABLE_NAME;

-- group: asyncpg and tokio-postgres look up types
SELECT t.typname, t.typtype, t.typelem, r.rngsubtype, t.typbasetype, n.nspname, t.typrelid FROM pg_catalog.pg_type t LEFT OUTER JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid INNER JOIN pg_catalog.pg_namespace n ON t.typnamespace = n.oid WHERE t.oid = $1;
-- with: ["2205"]
SELECT version();
-- differs: version -> pawl
SELECT current_setting('is_superuser');

-- group: psycopg
BEGIN;
SELECT nextval('nope');
ROLLBACK;
SELECT typname AS name, oid, typarray AS array_oid, oid::regtype::text AS regtype, typdelim AS delimiter FROM pg_type t WHERE t.oid = to_regtype($1) ORDER BY t.oid;
-- with: ["int8"]

-- group: Rails
CREATE SEQUENCE orders_id_seq;
SET client_min_messages TO 'warning';
SET standard_conforming_strings = on;
SET intervalstyle = iso_8601;
SET SESSION timezone TO 'UTC';
SHOW max_identifier_length;
SELECT nextval('"orders_id_seq"');
SELECT setval('"orders_id_seq"', GREATEST(5, 3));
SELECT currval('orders_id_seq');

-- group: EclipseLink, jOOQ, MyBatis, Odoo
CREATE SEQUENCE seq_gen_sequence INCREMENT 50 START 50;
SELECT NEXTVAL('SEQ_GEN_SEQUENCE');
select nextval('"public"."seq_gen_sequence"');
select nextval('"public"."seq_gen_sequence"') from generate_series(1, 3);
select cast(nextval('public.seq_gen_sequence') as bigint) as id;
SELECT nextval('seq_gen_sequence') AS nextval, 'x'::varchar;
SELECT last_value, increment_by, cycle FROM pg_sequences WHERE sequencename = 'seq_gen_sequence';
SELECT last_value FROM seq_gen_sequence;
SELECT nextval('seq_gen_sequence'::text::regclass);
SELECT NEXT VALUE FOR seq_gen_sequence;
SELECT sequence_name FROM information_schema.sequences WHERE sequence_schema = current_schema() AND sequence_name = lower('SEQ_GEN_SEQUENCE');
SELECT EXISTS (SELECT 1 FROM pg_class WHERE relkind = 'S' AND relname = 'seq_gen_sequence');
SELECT count(*) > 0 FROM pg_sequences WHERE sequencename = 'seq_gen_sequence';
WITH x AS (SELECT sequencename FROM pg_sequences) SELECT * FROM x;
SELECT i.nextval FROM (SELECT nextval('seq_gen_sequence')) AS i;
