-- What tools and ORMs read of sequences.

-- group: a sequence is a relation
CREATE SEQUENCE s START 5;
SELECT last_value, is_called FROM s;
SELECT nextval('s');
SELECT last_value, is_called FROM s;
SELECT * FROM public.s WHERE false;
SELECT last_value FROM "s";
SELECT s.last_value FROM s;
SELECT x.last_value AS v FROM s AS x WHERE x.is_called;
SELECT last_value + 1 FROM s;
SELECT nope FROM s;
CREATE SEQUENCE t;
SELECT s.last_value, t.last_value FROM s, t;
SELECT last_value FROM s UNION ALL SELECT last_value FROM t;
SELECT count(*) FROM s;
SELECT (SELECT last_value FROM s) AS a, (SELECT last_value FROM t) AS b;

-- group: pg_sequences
CREATE SEQUENCE s START 5;
CREATE SEQUENCE t AS smallint INCREMENT -2 CYCLE CACHE 7;
SELECT nextval('s');
SELECT schemaname, sequencename, data_type, start_value, min_value, max_value, increment_by, cycle, cache_size, last_value FROM pg_sequences ORDER BY sequencename;
SELECT * FROM pg_catalog.pg_sequences WHERE sequencename = 's';
SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' AND sequencename LIKE 't%';
SELECT count(*) FROM pg_sequences;
SELECT max(last_value), min(min_value), sum(increment_by) FROM pg_sequences;
SELECT sequencename FROM pg_sequences ORDER BY sequencename DESC LIMIT 1;
SELECT data_type::text FROM pg_sequences WHERE sequencename IN ('s', 't') ORDER BY 1;
SELECT sequencename, CASE WHEN last_value IS NULL THEN 'unused' ELSE 'used' END AS state FROM pg_sequences ORDER BY 1;
SELECT quote_ident(sequencename) FROM pg_sequences ORDER BY 1;
SELECT sequencename FROM pg_sequences WHERE nope = 1;

-- group: information_schema.sequences
CREATE SEQUENCE s START 5;
CREATE SEQUENCE t AS smallint INCREMENT -2 CYCLE CACHE 7;
SELECT * FROM information_schema.sequences ORDER BY sequence_name;
-- differs: modifiers -> cycle_option:1043/-1/-1
SELECT sequence_name FROM information_schema.sequences WHERE sequence_schema = 'public' ORDER BY 1;
SELECT sequence_name, increment, cycle_option FROM information_schema.sequences WHERE sequence_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY sequence_name;
-- differs: modifiers -> cycle_option:1043/-1/-1
SELECT sequence_catalog, sequence_schema FROM information_schema.sequences LIMIT 1;

-- group: pg_class and its friends
CREATE SEQUENCE s;
SELECT relname, relkind FROM pg_class WHERE relname = 's';
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'S' AND n.nspname = 'public';
SELECT n.nspname, c.relname FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('S', '') AND n.nspname <> 'pg_catalog' AND n.nspname !~ '^pg_toast' AND n.nspname <> 'information_schema' AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 1, 2;
SELECT nspname FROM pg_namespace WHERE nspname IN ('public', 'pg_catalog', 'information_schema') ORDER BY 1;
SELECT typname, oid FROM pg_type WHERE typname IN ('int8', 'int4', 'text', 'bool') ORDER BY oid;
SELECT seqstart, seqincrement, seqmax, seqmin, seqcache, seqcycle FROM pg_sequence WHERE seqrelid = 's'::regclass;
SELECT c.relname, s.seqincrement FROM pg_class c, pg_sequence s WHERE s.seqrelid = c.oid;
SELECT 1 FROM pg_class WHERE oid = 's'::regclass;
SELECT datname FROM pg_database WHERE datname = current_database();

-- group: what Hibernate asks at boot
CREATE SEQUENCE orders_seq INCREMENT 50;
select * from information_schema.sequences;
-- differs: modifiers -> '50', 'NO'
select relname as sequence_name from pg_class where relkind = 'S' order by 1;
select nextval ('orders_seq');
select nextval('orders_seq');
select tbl.last_value, seq.increment_by from orders_seq tbl, pg_sequences seq where seq.sequencename = 'orders_seq';

-- group: what SQLAlchemy asks
CREATE SEQUENCE user_id_seq;
select pg_catalog.version();
-- differs: version -> PostgreSQL 15
select current_schema();
show standard_conforming_strings;
show transaction isolation level;
SELECT pg_catalog.pg_class.relname FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace WHERE pg_catalog.pg_class.relkind = ANY (ARRAY['S']) AND pg_catalog.pg_class.relpersistence != 't' AND pg_catalog.pg_table_is_visible(pg_catalog.pg_class.oid) AND pg_catalog.pg_namespace.nspname != 'pg_catalog';
select nextval('user_id_seq');
SELECT relname FROM pg_class c join pg_namespace n on n.oid=c.relnamespace where relkind='S' and n.nspname='public' and relname='user_id_seq';
CREATE SEQUENCE IF NOT EXISTS user_id_seq START WITH 10 INCREMENT BY 5 NO MAXVALUE;
BEGIN;
SELECT nextval('"user_id_seq"');
SAVEPOINT sa_savepoint_1;
SELECT nextval('nope_id_seq');
ROLLBACK TO SAVEPOINT sa_savepoint_1;
COMMIT;

-- group: what Django asks
CREATE SEQUENCE app_thing_id_seq;
SELECT setval(pg_get_serial_sequence('"app_thing"','id'), 1, false);
SELECT set_config('TimeZone', 'UTC', false);
SELECT nextval('app_thing_id_seq') AS "next";

-- group: a dump is replayed
-- modes: simple
SET statement_timeout = 0\; SET lock_timeout = 0\; SET idle_in_transaction_session_timeout = 0\; SET client_encoding = 'UTF8'\; SET standard_conforming_strings = on\; SELECT pg_catalog.set_config('search_path', '', false)\; SET check_function_bodies = false\; SET xmloption = content\; SET client_min_messages = warning\; SET row_security = off;
CREATE SEQUENCE public.orders_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER TABLE public.orders_seq OWNER TO app;
CREATE SEQUENCE public."Bills"
    AS integer
    START WITH 1000
    INCREMENT BY -10
    MINVALUE -1000
    MAXVALUE 1000
    CACHE 20
    CYCLE;
ALTER SEQUENCE public."Bills" OWNER TO app;
SELECT pg_catalog.setval('public.orders_seq', 4711, true);
SELECT pg_catalog.setval('public."Bills"', 1000, false);
SET search_path TO public;
SELECT * FROM pg_sequences ORDER BY sequencename;
SELECT nextval('orders_seq'), nextval('"Bills"'), nextval('"Bills"');

-- group: rights of others
CREATE SEQUENCE s;
CREATE SEQUENCE "Q";
SELECT has_sequence_privilege('s', 'USAGE'), has_sequence_privilege('"Q"', 'usage, select');
SELECT has_sequence_privilege('app', 's', 'USAGE') FROM s;
SELECT has_sequence_privilege('nosuchuser', 's', 'USAGE') FROM s;
SELECT has_sequence_privilege(NULL, 's', 'USAGE') FROM s;
SELECT has_sequence_privilege(current_user, '"Q"', 'UPDATE') FROM s;

-- group: what is no value of its type
CREATE SEQUENCE s;
SELECT 'nope'::text::bool FROM s;
SELECT 'off'::text::bool, ' Yes '::text::bool FROM s;
SELECT 'abc'::text::numeric FROM s;
SELECT 'abc'::text::float8 FROM s;
SELECT '12x'::text::int FROM s;
SELECT '1.25'::text::numeric, '1e3'::text::float8 FROM s;

-- group: numeric
-- modes: simple text
CREATE SEQUENCE s;
SELECT 0.1::numeric + 0.2, 1.5 * 3, 2.25 - 0.25 - 2.125 FROM s;
SELECT 9223372036854775806::numeric + 1 FROM s;
SELECT last_value * 1.5 FROM s;
SELECT 9223372036854775807::numeric + 1 FROM s;
-- differs: numeric -> ERROR 0A000
SELECT 12345678901234567890.5 FROM s;
-- differs: numeric -> ERROR 0A000
SELECT last_value / 3.0 FROM s;
-- differs: numeric -> ERROR 0A000
SELECT 0.123456789 * 0.987654321 FROM s;
-- differs: numeric -> ERROR 0A000
SELECT 1.50 FROM s;
-- differs: numeric -> row '1.5'

-- group: words that must stand in quotes
CREATE SEQUENCE "order";
CREATE SEQUENCE "user";
CREATE SEQUENCE "values";
CREATE SEQUENCE "a$b";
CREATE SEQUENCE name;
SELECT '"order"'::regclass, '"user"'::regclass, '"values"'::regclass, '"a$b"'::regclass, 'name'::regclass;
SELECT oid::regclass FROM pg_class WHERE relkind = 'S' ORDER BY relname;
SELECT quote_ident('order'), quote_ident('name'), quote_ident('between'), quote_ident('a$b');

-- group: lengths of types that only catalogs have
SELECT reltuples, relam, relowner FROM pg_class WHERE false;
SELECT reltuples + 1.5, reltuples + 1 FROM pg_class WHERE false;
SELECT typinput, typinput::text, oid::regproc FROM pg_type WHERE false;
SELECT to_regnamespace('nowhere');
