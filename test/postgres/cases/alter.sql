-- ALTER SEQUENCE: what it changes, and what of the rest stays.

-- group: RESTART
CREATE SEQUENCE s START 5;
SELECT nextval('s'), nextval('s');
ALTER SEQUENCE s RESTART;
SELECT last_value, is_called FROM s;
SELECT nextval('s');
ALTER SEQUENCE s RESTART WITH 100;
SELECT nextval('s');
ALTER SEQUENCE s RESTART 3;
SELECT currval('s');
SELECT nextval('s');
ALTER SEQUENCE s RESTART 0;
ALTER SEQUENCE s MAXVALUE 10 RESTART 99;
ALTER SEQUENCE s START 7;
SELECT nextval('s');
ALTER SEQUENCE s RESTART;
SELECT nextval('s');
ALTER SEQUENCE s RESTART RESTART;
ALTER SEQUENCE s START 8 RESTART;
SELECT nextval('s');
ALTER SEQUENCE s RESTART -5 MINVALUE -10;
SELECT nextval('s'), nextval('s');

-- group: INCREMENT
CREATE SEQUENCE s;
SELECT nextval('s');
ALTER SEQUENCE s INCREMENT 10;
SELECT nextval('s'), nextval('s');
ALTER SEQUENCE s INCREMENT -5;
SELECT nextval('s');
SELECT nextval('s');
ALTER SEQUENCE s INCREMENT 0;
ALTER SEQUENCE s INCREMENT 1;
SELECT nextval('s');
SELECT * FROM pg_sequences;
CREATE SEQUENCE fresh;
ALTER SEQUENCE fresh INCREMENT 10;
SELECT nextval('fresh'), nextval('fresh');
SELECT setval('fresh', 50, false);
ALTER SEQUENCE fresh INCREMENT 7;
SELECT nextval('fresh'), nextval('fresh');
ALTER SEQUENCE fresh INCREMENT -1 NO MINVALUE NO MAXVALUE START -1 RESTART;
SELECT nextval('fresh'), nextval('fresh');

-- group: bounds
CREATE SEQUENCE s;
SELECT nextval('s') FROM generate_series(1, 5);
ALTER SEQUENCE s MAXVALUE 6;
SELECT nextval('s');
SELECT nextval('s');
ALTER SEQUENCE s MAXVALUE 8;
SELECT nextval('s'), nextval('s');
SELECT nextval('s');
ALTER SEQUENCE s MAXVALUE 3;
ALTER SEQUENCE s MINVALUE 5;
ALTER SEQUENCE s MINVALUE 5 START 5;
ALTER SEQUENCE s MINVALUE 9 START 9 MAXVALUE 20;
ALTER SEQUENCE s MINVALUE 9 START 9 MAXVALUE 20 RESTART;
SELECT nextval('s');
ALTER SEQUENCE s NO MAXVALUE;
ALTER SEQUENCE s NO MINVALUE;
SELECT min_value, max_value, start_value, last_value FROM pg_sequences;
ALTER SEQUENCE s MINVALUE 100;
ALTER SEQUENCE s MAXVALUE 0;
ALTER SEQUENCE s MINVALUE 50 MAXVALUE 40;
SELECT nextval('s');

-- group: AS
CREATE SEQUENCE s;
ALTER SEQUENCE s AS smallint;
SELECT data_type, min_value, max_value FROM pg_sequences;
ALTER SEQUENCE s AS integer;
SELECT data_type, min_value, max_value FROM pg_sequences;
SELECT setval('s', 100000);
ALTER SEQUENCE s AS smallint;
ALTER SEQUENCE s AS smallint RESTART;
SELECT nextval('s');
ALTER SEQUENCE s AS bigint MAXVALUE 50;
ALTER SEQUENCE s AS integer;
SELECT data_type, min_value, max_value FROM pg_sequences;
ALTER SEQUENCE s AS text;
ALTER SEQUENCE s AS smallint MAXVALUE 40000;
CREATE SEQUENCE d AS integer INCREMENT -1;
ALTER SEQUENCE d AS smallint;
SELECT data_type, min_value, max_value FROM pg_sequences WHERE sequencename = 'd';
ALTER SEQUENCE d AS bigint INCREMENT 1;
SELECT data_type, min_value, max_value FROM pg_sequences WHERE sequencename = 'd';
CREATE SEQUENCE m MAXVALUE 100000;
ALTER SEQUENCE m AS smallint;

-- group: CYCLE and CACHE
CREATE SEQUENCE s MAXVALUE 5;
SELECT nextval('s'), nextval('s');
SELECT nextval('s') FROM generate_series(1, 3);
SELECT nextval('s');
ALTER SEQUENCE s CYCLE;
SELECT nextval('s'), nextval('s'), nextval('s');
ALTER SEQUENCE s CACHE 20;
SELECT cache_size, cycle FROM pg_sequences;
ALTER SEQUENCE s CACHE 0;
ALTER SEQUENCE s CACHE 1;
SELECT cache_size, cycle FROM pg_sequences;
ALTER SEQUENCE s CYCLE CYCLE;
ALTER SEQUENCE s OWNED BY NONE;
ALTER SEQUENCE s OWNED BY nothing;
ALTER SEQUENCE s OWNED BY t.c;
-- differs: owned -> ERROR

-- group: nothing changes when one option is wrong
CREATE SEQUENCE s MAXVALUE 100;
SELECT nextval('s');
ALTER SEQUENCE s INCREMENT 5 MAXVALUE 0;
ALTER SEQUENCE s CACHE 10 INCREMENT 0;
ALTER SEQUENCE s RESTART 1000;
ALTER SEQUENCE s RESTART 50 START 1000;
SELECT * FROM pg_sequences;
SELECT nextval('s');

-- group: RENAME
CREATE SEQUENCE a START 5;
SELECT nextval('a');
ALTER SEQUENCE a RENAME TO b;
SELECT nextval('b');
SELECT nextval('a');
ALTER SEQUENCE a RENAME TO c;
CREATE SEQUENCE a;
ALTER SEQUENCE b RENAME TO a;
ALTER SEQUENCE IF EXISTS nope RENAME TO c;
ALTER SEQUENCE b RENAME TO b;
ALTER SEQUENCE b RENAME TO "B b";
SELECT nextval('"B b"');
ALTER SEQUENCE "B b" RENAME TO B;
SELECT nextval('b');
SELECT sequencename, last_value FROM pg_sequences ORDER BY 1;
ALTER SEQUENCE public.b RENAME TO c;
SELECT nextval('public.c');

-- group: currval follows a rename
CREATE SEQUENCE a START 5;
SELECT nextval('a');
ALTER SEQUENCE a RENAME TO b;
SELECT currval('b');
SELECT lastval();
-- B
SELECT nextval('b');
-- A
SELECT currval('b'), lastval();

-- group: IF EXISTS
ALTER SEQUENCE IF EXISTS nope RESTART;
ALTER SEQUENCE IF EXISTS nope INCREMENT 0;
ALTER SEQUENCE IF EXISTS nowhere.nope RESTART;
ALTER SEQUENCE IF EXISTS nope OWNER TO app;
-- differs: owner -> NOTICE 00000 nothing is changed
ALTER SEQUENCE IF EXISTS nope SET SCHEMA public;

-- group: OWNER
CREATE SEQUENCE s;
ALTER SEQUENCE s OWNER TO app;
-- differs: owner -> NOTICE 00000 nothing is changed
ALTER SEQUENCE s OWNER TO CURRENT_USER;
-- differs: owner -> NOTICE 00000 nothing is changed
ALTER SEQUENCE nope OWNER TO app;
-- differs: owner -> NOTICE 00000 nothing is changed
ALTER SEQUENCE s OWNER TO nobody_at_all;
-- differs: owner -> NOTICE 00000 nothing is changed

-- group: SET SCHEMA
CREATE SCHEMA billing;
-- differs: schemas -> NOTICE
CREATE SEQUENCE s START 4;
SELECT nextval('s');
ALTER SEQUENCE s SET SCHEMA billing;
SELECT nextval('billing.s');
SELECT nextval('s');
ALTER SEQUENCE billing.s SET SCHEMA billing;
CREATE SEQUENCE s;
ALTER SEQUENCE s SET SCHEMA billing;
ALTER SEQUENCE s SET SCHEMA nowhere;
-- differs: schemas -> ALTER SEQUENCE
ALTER SEQUENCE nope SET SCHEMA billing;
SELECT schemaname, sequencename FROM pg_sequences WHERE sequencename = 's' AND schemaname = 'billing';

-- group: ALTER TABLE is another word
CREATE SEQUENCE s;
ALTER TABLE s RENAME TO t;
SELECT nextval('t');
ALTER TABLE t OWNER TO app;
-- differs: owner -> NOTICE 00000 nothing is changed
ALTER SEQUENCE t SET LOGGED;
-- differs: temporary -> ALTER SEQUENCE
ALTER SEQUENCE t NO CYCLE OWNED BY NONE;
