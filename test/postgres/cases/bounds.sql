-- Both ends of each type, in both directions, and last short blocks.

-- group: the upper end of bigint
CREATE SEQUENCE s START 9223372036854775805;
SELECT nextval('s') FROM generate_series(1, 3);
SELECT nextval('s');
SELECT currval('s');
CREATE SEQUENCE t START 9223372036854775800 INCREMENT 3;
SELECT nextval('t'), nextval('t'), nextval('t');
SELECT nextval('t');
SELECT last_value FROM t;
CREATE SEQUENCE u INCREMENT 9223372036854775807;
SELECT nextval('u');
SELECT nextval('u');
CREATE SEQUENCE v INCREMENT 4611686018427387904;
SELECT nextval('v'), nextval('v');
SELECT nextval('v');
CREATE SEQUENCE w MINVALUE 9223372036854775806 CYCLE;
SELECT nextval('w'), nextval('w'), nextval('w'), nextval('w');
SELECT setval('s', 9223372036854775807, false);
SELECT nextval('s');
SELECT nextval('s');

-- group: the lower end of bigint
CREATE SEQUENCE s INCREMENT -1 START -9223372036854775806;
SELECT nextval('s') FROM generate_series(1, 3);
SELECT nextval('s');
CREATE SEQUENCE t INCREMENT -3 START -9223372036854775803;
SELECT nextval('t'), nextval('t');
SELECT nextval('t');
SELECT last_value, is_called FROM t;
CREATE SEQUENCE u INCREMENT -9223372036854775808;
SELECT nextval('u');
SELECT nextval('u');
CREATE SEQUENCE v MINVALUE -9223372036854775808 START -9223372036854775808;
SELECT nextval('v'), nextval('v');
CREATE SEQUENCE w INCREMENT -1 MAXVALUE -9223372036854775807 CYCLE;
SELECT nextval('w'), nextval('w'), nextval('w');
SELECT setval('v', -9223372036854775808);
SELECT nextval('v');

-- group: from one end to the other
CREATE SEQUENCE s MINVALUE -9223372036854775808 MAXVALUE 9223372036854775807 INCREMENT 9223372036854775807;
SELECT nextval('s'), nextval('s'), nextval('s');
SELECT nextval('s');
CREATE SEQUENCE t MINVALUE -9223372036854775808 MAXVALUE 9223372036854775807 INCREMENT -9223372036854775808 START 9223372036854775807;
SELECT nextval('t'), nextval('t');
SELECT nextval('t');
CREATE SEQUENCE u MINVALUE -9223372036854775808 MAXVALUE 9223372036854775807 INCREMENT 9223372036854775807 CYCLE;
SELECT nextval('u') FROM generate_series(1, 7);

-- group: integer
CREATE SEQUENCE s AS integer START 2147483646;
SELECT nextval('s'), nextval('s');
SELECT nextval('s');
CREATE SEQUENCE d AS integer INCREMENT -1 START -2147483647;
SELECT nextval('d'), nextval('d');
SELECT nextval('d');
SELECT setval('s', 2147483648);
CREATE SEQUENCE c AS integer START 2147483647 CYCLE;
SELECT nextval('c'), nextval('c');

-- group: smallint
CREATE SEQUENCE s AS smallint START 32766;
SELECT nextval('s'), nextval('s');
SELECT nextval('s');
CREATE SEQUENCE d AS smallint INCREMENT -1 START -32767;
SELECT nextval('d'), nextval('d');
SELECT nextval('d');
CREATE SEQUENCE all_of_them AS smallint MINVALUE -32768;
SELECT count(*) FROM (SELECT 1) AS one;
CREATE SEQUENCE i AS smallint INCREMENT 32767;
SELECT nextval('i');
SELECT nextval('i');
CREATE SEQUENCE j AS smallint INCREMENT 100000;
SELECT nextval('j');
SELECT nextval('j');

-- group: cycles
CREATE SEQUENCE s START 5 MINVALUE 1 MAXVALUE 10 INCREMENT 3 CYCLE;
SELECT nextval('s') FROM generate_series(1, 12);
CREATE SEQUENCE d START 5 MINVALUE 1 MAXVALUE 10 INCREMENT -3 CYCLE;
SELECT nextval('d') FROM generate_series(1, 12);
CREATE SEQUENCE one MINVALUE 7 MAXVALUE 8 CYCLE;
SELECT nextval('one') FROM generate_series(1, 5);
CREATE SEQUENCE jump MINVALUE 1 MAXVALUE 3 INCREMENT 10 CYCLE;
SELECT nextval('jump') FROM generate_series(1, 4);
SELECT setval('s', 10);
SELECT nextval('s');
SELECT setval('s', 9, false);
SELECT nextval('s'), nextval('s');
SELECT last_value, is_called FROM s;

-- group: last short blocks
CREATE SEQUENCE s CACHE 10 MAXVALUE 13;
SELECT nextval('s') FROM generate_series(1, 13);
SELECT nextval('s');
CREATE SEQUENCE d CACHE 10 INCREMENT -1 MINVALUE -13;
SELECT nextval('d') FROM generate_series(1, 13);
SELECT nextval('d');
CREATE SEQUENCE c CACHE 10 MAXVALUE 13 CYCLE;
SELECT nextval('c') FROM generate_series(1, 30);
CREATE SEQUENCE t CACHE 1000 INCREMENT 7 MAXVALUE 20;
SELECT nextval('t') FROM generate_series(1, 3);
SELECT nextval('t');
CREATE SEQUENCE e CACHE 100 START 9223372036854775800 INCREMENT 3;
SELECT nextval('e') FROM generate_series(1, 3);
SELECT nextval('e');

-- group: CACHE and two sessions
CREATE SEQUENCE s CACHE 10;
SELECT nextval('s');
-- B
SELECT nextval('s');
-- differs: cache -> row '2'
-- A
SELECT nextval('s');
-- differs: cache -> row '3'
SELECT last_value FROM s;
-- differs: cache -> row '3'
SELECT cache_size FROM pg_sequences;
