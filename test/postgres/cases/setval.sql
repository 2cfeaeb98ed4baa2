-- setval, currval and lastval, in one session and across sessions.

-- group: setval of two arguments
CREATE SEQUENCE s;
SELECT setval('s', 10);
SELECT currval('s');
SELECT lastval();
SELECT nextval('s'), lastval();
SELECT setval('s', 5);
SELECT currval('s'), lastval();
SELECT nextval('s');
SELECT setval('s', 1);
SELECT nextval('s');
SELECT last_value, is_called FROM s;
SELECT setval('public.s', 7), setval('s'::regclass, 8);
SELECT setval(setval::text, 1) FROM (SELECT 's' AS setval) x;

-- group: setval of three arguments
CREATE SEQUENCE s;
SELECT setval('s', 10, true);
SELECT nextval('s');
SELECT setval('s', 20, false);
SELECT currval('s');
SELECT last_value, is_called FROM s;
SELECT last_value FROM pg_sequences;
SELECT nextval('s'), currval('s');
SELECT setval('s', 5, false);
SELECT currval('s');
SELECT nextval('s');
-- B
SELECT setval('s', 50, false);
SELECT currval('s');
SELECT setval('s', 60, true);
SELECT currval('s');
SELECT lastval();
-- A
SELECT currval('s'), lastval();
SELECT nextval('s');

-- group: NULL everywhere
CREATE SEQUENCE s;
SELECT nextval(NULL);
SELECT nextval(NULL::regclass);
SELECT currval(NULL);
SELECT setval(NULL, 5);
SELECT setval('s', NULL);
SELECT setval('s', 5, NULL);
SELECT setval('s', NULL, false);
SELECT setval(NULL, NULL, NULL);
SELECT lastval();
SELECT nextval('s');

-- group: lastval is of the sequence used last
CREATE SEQUENCE a;
CREATE SEQUENCE b START 100;
SELECT nextval('a');
SELECT nextval('b');
SELECT lastval();
SELECT setval('a', 50);
SELECT lastval(), currval('a');
SELECT setval('b', 500);
SELECT lastval();
SELECT nextval('a'), lastval(), nextval('b'), lastval();
DROP SEQUENCE a;
SELECT lastval();
DROP SEQUENCE b;
SELECT lastval();

-- group: sessions do not see each other's
CREATE SEQUENCE s;
SELECT nextval('s');
-- B
SELECT nextval('s');
-- A
SELECT currval('s');
-- B
SELECT setval('s', 100);
-- A
SELECT currval('s'), lastval();
SELECT nextval('s');
-- B
SELECT currval('s');
-- C
SELECT currval('s');
SELECT nextval('s'), currval('s'), lastval();

-- group: forgetting
CREATE SEQUENCE s;
SELECT nextval('s');
DISCARD SEQUENCES;
SELECT currval('s');
SELECT lastval();
SELECT nextval('s');
DISCARD ALL;
SELECT lastval();
SELECT nextval('s');
DISCARD PLANS;
SELECT currval('s');
DISCARD TEMP;
SELECT lastval();
DISCARD TEMPORARY;
DISCARD nothing;
BEGIN;
DISCARD ALL;
ROLLBACK;
BEGIN;
DISCARD SEQUENCES;
COMMIT;
SELECT lastval();

-- group: DISCARD burns nothing
CREATE SEQUENCE s CACHE 10;
SELECT nextval('s');
DISCARD SEQUENCES;
SELECT nextval('s');
-- differs: cache -> row '2'

-- group: setval takes back what others hold
CREATE SEQUENCE s CACHE 10;
SELECT nextval('s');
-- B
SELECT setval('s', 1000);
-- A
SELECT nextval('s');
-- differs: setval-all -> row '1001'

-- group: by default setval does not go back
-- pawld: --setval-back ignore
CREATE SEQUENCE s;
SELECT nextval('s') FROM generate_series(1, 5);
SELECT setval('s', 100);
SELECT nextval('s');
SELECT setval('s', 101);
SELECT setval('s', 50);
-- differs: setval-back -> WARNING 01000
SELECT nextval('s');
-- differs: setval-back -> row '102'
SELECT setval('s', 50, false);
-- differs: setval-back -> WARNING 01000
ALTER SEQUENCE s RESTART WITH 10;
SELECT nextval('s');

-- group: setval that goes back can be an error
-- pawld: --setval-back error
CREATE SEQUENCE s;
SELECT nextval('s') FROM generate_series(1, 5);
SELECT setval('s', 2);
-- differs: setval-back -> ERROR
SELECT nextval('s');
-- differs: setval-back -> row '6'
SELECT setval('s', 60);
SELECT nextval('s');
