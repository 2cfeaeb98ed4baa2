-- PREPARE, EXECUTE, DEALLOCATE.

-- group: PREPARE and EXECUTE
CREATE SEQUENCE s;
PREPARE p AS SELECT nextval('s');
EXECUTE p;
EXECUTE p;
PREPARE p AS SELECT 1;
PREPARE q(regclass) AS SELECT nextval($1);
EXECUTE q('s');
EXECUTE q('nope');
-- differs: positions -> ERROR 42P01 relation "nope" does not exist
EXECUTE q;
EXECUTE q('s', 's');
PREPARE r(text) AS SELECT nextval($1::regclass);
EXECUTE r('s');
PREPARE v(text, bigint, boolean) AS SELECT setval($1::regclass, $2, $3);
EXECUTE v('s', 100, false);
EXECUTE v('s', '200', true);
EXECUTE v('s', 'x', true);
-- differs: positions -> ERROR 22P02
EXECUTE v('s', 300.5, true);
EXECUTE v('s', NULL, true);
EXECUTE p;
PREPARE w AS SELECT setval('s', $1);
EXECUTE w(7);
EXECUTE w('8');
EXECUTE w(1 + 8);
-- differs: execute -> ERROR 0A000
EXECUTE w(9);
EXECUTE nope;
DEALLOCATE nope;
DEALLOCATE p;
EXECUTE p;
DEALLOCATE PREPARE q;
DEALLOCATE ALL;
EXECUTE r('s');
DEALLOCATE PREPARE ALL;
PREPARE e AS SELECT nextval('nope');
-- differs: prepared-names -> PREPARE
EXECUTE e;
-- differs: prepared-names -> ERROR 42P01 relation "nope"
PREPARE f AS SELEC;
PREPARE g(nope) AS SELECT 1;
PREPARE h AS VALUES (nextval('s'), 'x');
EXECUTE h;
PREPARE i AS SELECT nextval('s') FROM generate_series(1, $1);
EXECUTE i(3);
PREPARE "I" AS SELECT 5;
EXECUTE "I";
PREPARE j AS CREATE SEQUENCE t;
PREPARE k AS BEGIN;

-- group: what is prepared belongs to its session
CREATE SEQUENCE s;
PREPARE p AS SELECT nextval('s');
-- B
EXECUTE p;
PREPARE p AS SELECT 'mine';
EXECUTE p;
-- A
EXECUTE p;
DISCARD ALL;
EXECUTE p;
-- B
EXECUTE p;
DISCARD PLANS;
EXECUTE p;

-- group: a sequence that comes and goes
CREATE SEQUENCE s START 5;
PREPARE p AS SELECT nextval('s');
EXECUTE p;
DROP SEQUENCE s;
EXECUTE p;
CREATE SEQUENCE s START 50;
EXECUTE p;

-- group: prepared statements in transactions
CREATE SEQUENCE s;
BEGIN;
PREPARE p AS SELECT nextval('s');
EXECUTE p;
ROLLBACK;
EXECUTE p;
BEGIN;
SELECT nextval('nope');
EXECUTE p;
DEALLOCATE p;
ROLLBACK;
EXECUTE p;
