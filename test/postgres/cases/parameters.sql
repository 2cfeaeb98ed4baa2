-- Parameters: their types, and values as texts.

-- group: types are inferred
CREATE SEQUENCE s;
SELECT nextval($1);
-- with: ["s"]
SELECT nextval($1::regclass);
-- with: ["s"]
SELECT nextval($1::text);
-- with: ["s"]
SELECT nextval($1::text::regclass);
-- with: ["s"]
SELECT currval($1), lastval();
-- with: ["s"]
SELECT setval($1, $2);
-- with: ["s", "10"]
SELECT setval($1, $2, $3);
-- with: ["s", "20", "f"]
SELECT setval($1::regclass, $2::bigint, $3::bool);
-- with: ["s", "30", "false"]
SELECT setval('s', $1::int);
-- with: ["40"]
SELECT setval('s', $1::numeric);
-- with: ["40"]
SELECT nextval($1);
-- with: [null]
SELECT setval('s', $1, $2);
-- with: [null, null]
SELECT nextval($1);
-- with: ["nope"]
SELECT nextval($1);
-- with: ["a b"]
SELECT setval('s', $1);
-- with: ["x"]
SELECT setval('s', $1);
-- with: ["99999999999999999999"]
SELECT setval('s', $1);
-- with: ["0"]
SELECT setval('s', 5, $1);
-- with: ["perhaps"]
SELECT nextval('s') FROM generate_series(1, $1);
-- with: ["3"]
SELECT nextval('s') FROM generate_series($1::int, $2::int);
-- with: ["2", "4"]
SELECT nextval('s') FROM generate_series($1, $2);
-- with: ["2", "4"]
SELECT $1;
-- with: ["hello"]
SELECT $1::int, $2::text, $3::bool;
-- with: ["5", null, "t"]
SELECT $1 + 1;
-- with: ["5"]
SELECT $2::int;
-- with: ["5", "6"]
SELECT $1, $1::int;
-- with: ["5"]
SELECT nextval('s') + $1;
-- with: ["1000"]
SELECT $0;
SELECT nextval('s') LIMIT $1;
-- with: ["1"]
VALUES ($1, $2);
-- with: ["a", "b"]
SELECT nextval('s') WHERE $1;
-- with: ["t"]
SELECT sequencename FROM pg_sequences WHERE sequencename = $1 AND schemaname = $2;
-- with: ["s", "public"]
SELECT last_value FROM s WHERE $1 = 1;
-- with: ["1"]

-- group: a parameter without a value
SELECT $1::int;
-- with: []
SELECT 1;
-- with: ["5"]
-- group: a parameter where there are none
-- modes: simple
SELECT nextval($1);
-- differs: positions -> ERROR 42P02 there is no parameter $1

-- group: statements that take no parameters
CREATE SEQUENCE s START $1;
-- with: ["5"]
DROP SEQUENCE IF EXISTS nope;
-- with: []
BEGIN;
-- with: []
SHOW search_path;
-- with: []
COMMIT;
-- with: []
