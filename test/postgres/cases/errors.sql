-- Every way in which an id can be refused: SQLSTATE, text, position.

-- group: nothing was taken yet
CREATE SEQUENCE s;
SELECT currval('s');
SELECT lastval();
SELECT nextval('s');
SELECT currval('s');
SELECT lastval();
-- B
SELECT currval('s');
SELECT lastval();

-- group: a sequence ends
CREATE SEQUENCE up MAXVALUE 3;
SELECT nextval('up') FROM generate_series(1, 3);
SELECT nextval('up');
SELECT currval('up');
SELECT last_value, is_called FROM up;
CREATE SEQUENCE down INCREMENT -1 MINVALUE -3;
SELECT nextval('down'), nextval('down'), nextval('down');
SELECT nextval('down');
SELECT currval('down');
-- B
SELECT nextval('up');
SELECT currval('up');
-- A
SELECT nextval('down') FROM generate_series(1, 5);
SELECT setval('up', 2);
SELECT nextval('up'), nextval('up');
SELECT currval('up'), lastval();

-- group: rows before the error are lost
CREATE SEQUENCE s MAXVALUE 3;
SELECT nextval('s') FROM generate_series(1, 10);
SELECT currval('s');
SELECT nextval('s');

-- group: setval out of range
CREATE SEQUENCE s MAXVALUE 3;
SELECT setval('s', 4);
SELECT setval('s', 0);
SELECT setval('s', 4, false);
SELECT setval('s', -9223372036854775808);
SELECT setval('s', 9223372036854775807);
SELECT nextval('s');

-- group: unknown names
SELECT nextval('nope');
SELECT currval('nope');
SELECT setval('nope', 5);
SELECT  nextval( 'nope' );
SELECT nextval('Nope');
SELECT nextval('"Nope"');
SELECT nextval('public.nope');
SELECT nextval('nowhere.nope');
SELECT nextval('nope'::regclass);
SELECT nextval(CAST('nope' AS regclass));
SELECT nextval('nope'::text);
SELECT 1, nextval('nope'), nextval('also');
DROP SEQUENCE nope;
DROP SEQUENCE public.nope;
DROP SEQUENCE nowhere.nope;
ALTER SEQUENCE nope RESTART;
ALTER SEQUENCE nope RENAME TO other;
SELECT last_value FROM nope;
-- differs: relations -> ERROR 42P01 relation "nope" does not exist
SELECT * FROM public.nope;
-- differs: relations -> ERROR 42P01 relation "public.nope" does not exist
SELECT 'nope'::regclass;

-- group: names that are none
CREATE SEQUENCE s;
SELECT nextval('');
SELECT nextval('.');
SELECT nextval('s.');
SELECT nextval('.s');
SELECT nextval('"s');
SELECT nextval('s s');
SELECT nextval('"');
SELECT nextval('a.b.c.d');
SELECT nextval('a..d');
SELECT nextval('other.public.s');
SELECT nextval('app.public.s');
SELECT nextval('app.nowhere.s');
SELECT nextval('  s  ');
SELECT nextval(' public . s ');
SELECT nextval('PUBLIC.S');
SELECT nextval('"PUBLIC".s');
DROP SEQUENCE other.public.s;
DROP SEQUENCE a.b.c.d;
CREATE SEQUENCE other.public.s;
CREATE SEQUENCE a.b.c.d;
CREATE SEQUENCE app.public.z;
SELECT nextval('z');

-- group: arguments of other types
CREATE SEQUENCE s;
SELECT nextval();
SELECT nextval('s', 's');
SELECT nextval(1.5);
SELECT nextval(true);
SELECT currval();
SELECT currval(1.5);
SELECT lastval('s');
SELECT setval('s');
SELECT setval('s', 1.5);
SELECT setval('s', 1.0);
SELECT setval('s', 2::numeric);
SELECT setval('s', 2.0::bigint);
SELECT setval('s', '2');
SELECT setval('s', '2.5');
SELECT setval('s', 'two');
SELECT setval('s', '99999999999999999999');
SELECT setval('s', 99999999999999999999);
SELECT setval('s', 2::int);
SELECT setval('s', 2::smallint);
SELECT setval('s', 2::real);
-- differs: expressions -> ERROR 0A000
SELECT setval('s', 2, 'yes');
SELECT setval('s', 2, 'maybe');
SELECT setval('s', 2, 1);
SELECT setval('s', 2, true, 4);
SELECT setval('s'::text, 2);
SELECT nextval('s'::text);
SELECT nextval('s'::varchar);
SELECT nextvalue('s');
SELECT public.nextval('s');
-- differs: expressions -> ERROR 42883 function public.nextval does not exist
SELECT pg_catalog.nextval('s');
SELECT pg_catalog.setval('s', 7, false);
SELECT NEXTVAL('s'), NextVal('s');
SELECT "nextval"('s');
SELECT "Nextval"('s');

-- group: syntax
SELEC nextval('s');
SELECT nextval('s';
SELECT nextval('s'));
SELECT nextval('s;
SELECT "nextval('s');
SELECT nextval(s);
SELECT nextval("s");
SELECT FROM;
CREATE SEQUENCE;
CREATE SEQUENCE s INCREMENT;
CREATE SEQUENCE s INCREMENT BY x;
CREATE SEQUENCE s START 1.5;
CREATE SEQUENCE s MAXVALUE '5';
CREATE SEQUENCE s NOCYCLE;
CREATE SEQUENCE s NO;
CREATE SEQUENCE 's';
CREATE SEQUENCE 1s;
CREATE SEQUENCE select;
CREATE SEQUENCE s ORDER;
CREATE SEQUENCE s RESTART;
-- differs: create-restart -> ERROR 22023
DROP SEQUENCE;
ALTER SEQUENCE;
ALTER SEQUENCE s;
ALTER SEQUENCE s RENAME;
ALTER SEQUENCE s RENAME TO a.b;
/* a comment that does not end;
SELECT 1 /* one */ -- two
;
SELECT
    nextval(
  'nope');
SELECT 'é', nextval('nope');

-- group: empty texts
;
 ;
\;\;;
-- A
SELECT 1;
/* nothing */;

-- group: several statements in one text
-- modes: simple
CREATE SEQUENCE s\; SELECT nextval('s')\; SELECT nextval('s');
SELECT nextval('s')\; SELECT nope\; SELECT nextval('s');
SELECT nextval('s')\; SELECT nextval('nope')\; SELECT nextval('s');
SELECT nextval('s');
SELECT nextval('s')\; SELEC\; SELECT nextval('s');
SELECT nextval('s')\;\; \;;
BEGIN\; SELECT nextval('s')\; COMMIT;
BEGIN\; SELECT nextval('s');
SELECT 1\; ROLLBACK\; SELECT 2;

-- group: several statements in one Parse
-- modes: text
SELECT 1\; SELECT 2;
SELECT 1\;;

-- group: a schema that does not exist
CREATE SEQUENCE s;
SELECT nextval('nowhere.s');
SELECT 1, nextval('s'), setval('nowhere.s', 4);
SELECT nextval('nowhere.s'::regclass);
SELECT 'nowhere.s'::regclass, to_regclass('elsewhere.s');
SELECT to_regclass('nowhere.s');
SELECT currval('nowhere.s'::text);
SELECT nextval('pg_catalog.nope');
SELECT nextval('information_schema.nope');
SELECT 'public.nope'::regclass;
SELECT * FROM nowhere.s;
DROP SEQUENCE nowhere.s;
DROP SEQUENCE IF EXISTS nowhere.s;
ALTER SEQUENCE nowhere.s RESTART;
ALTER SEQUENCE IF EXISTS nowhere.s RESTART;
ALTER SEQUENCE nowhere.s RENAME TO t;
BEGIN;
SELECT nextval('nowhere.s');
SELECT 1;
ROLLBACK;
SELECT nextval('s');

-- group: columns that may have been meant
CREATE SEQUENCE s;
SELECT last_valeu FROM s;
SELECT lost_value, is_caled FROM s;
SELECT "Last_Value" FROM s;
SELECT ctd FROM s;
SELECT x.last_value FROM s;
SELECT s.last_value FROM s AS y;
SELECT relnam FROM pg_class;
SELECT c.relnam FROM pg_class c, pg_namespace n;
SELECT nspnam FROM pg_class c, pg_namespace n;
SELECT c.nspname FROM pg_class c, pg_namespace n;
SELECT pg_class.relname FROM pg_class c;
SELECT relname FROM pg_class WHERE relnme = 'x';
SELECT relname FROM pg_class GROUP BY relnme;
SELECT a.relname FROM pg_class a JOIN pg_namespace b ON a.relnamespac = b.oid;
SELECT (SELECT relname FROM pg_class c WHERE c.oid = n.oidd LIMIT 1) FROM pg_namespace n;
SELECT zzzzzzzzz FROM pg_sequences;
SELECT größ FROM (SELECT 1 AS größe) AS t;
SELECT t.a4 FROM (SELECT 1 AS a1, 2 AS a2) AS t;
SELECT t.ab4 FROM (SELECT 1 AS ab1, 2 AS ab2, 3 AS ab3) AS t;
SELECT generate_serie FROM generate_series(1, 2);
