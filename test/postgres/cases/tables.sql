-- What a server of sequences does not do, and says so.

-- group: tables
CREATE TABLE t (id int);
-- differs: tables -> ERROR 0A000
INSERT INTO t VALUES (1);
-- differs: tables -> ERROR 0A000
UPDATE t SET id = 2;
-- differs: tables -> ERROR 0A000
DELETE FROM t;
-- differs: tables -> ERROR 0A000
SELECT * FROM t;
-- differs: tables -> ERROR 42P01 relation "t" does not exist
COPY (SELECT 1) TO STDOUT;
-- differs: tables -> ERROR 0A000
CREATE INDEX ON t (id);
-- differs: tables -> ERROR 0A000
DROP TABLE t;
-- differs: tables -> ERROR 42P01
TRUNCATE t;
-- differs: tables -> ERROR 0A000
CREATE VIEW v AS SELECT 1;
-- differs: tables -> ERROR 0A000
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
-- differs: tables -> ERROR 0A000
CREATE TABLE s (id serial);
-- differs: tables -> ERROR 0A000
VACUUM;
-- differs: tables -> ERROR 0A000
EXPLAIN SELECT 1;
-- differs: tables -> ERROR 0A000
LOCK TABLE t;
-- differs: tables -> ERROR

-- group: a sequence is no table to write to
CREATE SEQUENCE a;
INSERT INTO a VALUES (1);
-- differs: rights -> ERROR 42809 cannot change sequence "a"
UPDATE a SET last_value = 1;
DELETE FROM a;
-- differs: rights -> ERROR 42809 cannot change sequence "a"
TRUNCATE a;
SELECT * FROM a FOR UPDATE;
DROP TABLE a;

-- group: a table's columns
SELECT id FROM orders;
SELECT o.id, o.name FROM orders o JOIN items i ON i.id = o.id WHERE o.id > 3;
SELECT count(id) FROM shop.orders;
CREATE SEQUENCE s;
SELECT id FROM s;
SELECT last_value, id FROM s;

-- group: listening, cursors, rights
LISTEN x;
-- differs: tables -> ERROR 0A000
GRANT USAGE ON SEQUENCE s TO app;
-- differs: rights -> NOTICE
CREATE ROLE r;
-- differs: rights -> ERROR 0A000
DECLARE c CURSOR FOR SELECT 1;
-- differs: cursors -> ERROR 0A000
FETCH c;
-- differs: cursors -> ERROR 0A000
DO 'BEGIN END';
-- differs: tables -> ERROR 0A000
COMMENT ON SEQUENCE s IS 'x';
-- differs: tables -> NOTICE 00000 comments are not kept

-- group: schemas
CREATE SCHEMA one;
-- differs: schemas -> NOTICE
CREATE SCHEMA IF NOT EXISTS one;
-- differs: schemas -> CREATE SCHEMA
CREATE SEQUENCE nowhere.s;
-- differs: schemas -> CREATE SEQUENCE
SELECT nextval('nowhere.s');
-- differs: schemas -> row '1'
CREATE SEQUENCE "a.b";
-- differs: dots -> ERROR 0A000
