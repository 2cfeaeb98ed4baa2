-- SELECT without tables, as programs write it.

-- group: calls go from left to right
CREATE SEQUENCE s;
CREATE SEQUENCE t START 100;
SELECT nextval('s'), nextval('s'), currval('s');
SELECT currval('s'), nextval('s'), currval('s'), nextval('t'), lastval();
SELECT nextval('s') AS a, nextval('t') AS "B", nextval('s') c, nextval('t') AS a;
SELECT setval('s', 50), nextval('s'), setval('s', 10, false), nextval('s');
SELECT nextval('s') + nextval('s') * 2;
SELECT nextval('s') - 1 AS first, currval('s') AS last;
SELECT -nextval('s');
SELECT nextval('s')::text, nextval('s')::int, nextval('s')::numeric;
SELECT CAST(nextval('s') AS integer);
SELECT CAST(nextval('s') AS varchar);
SELECT 'id-' || nextval('s');
SELECT nextval('s'), nextval('nope');
SELECT currval('s');
SELECT nextval('s') IS NULL, nextval('s') > 5;
SELECT coalesce(nextval('s'), nextval('t'));
SELECT nextval('t');
SELECT CASE WHEN true THEN nextval('s') ELSE nextval('t') END;
SELECT nextval('s') WHERE true;
SELECT nextval('s') WHERE false;
SELECT nextval('s') WHERE 1 = 2;
SELECT nextval('s');
SELECT (SELECT nextval('s'));
SELECT nextval('s') LIMIT 1;
SELECT nextval('s') LIMIT 0;
SELECT ALL nextval('s');
SELECT DISTINCT nextval('s');
-- differs: functions-over-rows -> ERROR 0A000

-- group: many rows
CREATE SEQUENCE s;
SELECT nextval('s') FROM generate_series(1, 5);
SELECT nextval('s') FROM generate_series(1, 0);
SELECT nextval('s') FROM generate_series(5, 1);
SELECT nextval('s') FROM generate_series(5, 1, -2);
SELECT nextval('s') FROM generate_series(1, 10, 4);
SELECT nextval('s') FROM generate_series(1, 3) AS g;
SELECT nextval('s'), g FROM generate_series(1, 3) AS g;
SELECT g, nextval('s') FROM generate_series(1, 3) g;
SELECT g.n, nextval('s') FROM generate_series(3, 5) AS g(n);
SELECT nextval('s'), generate_series FROM generate_series(1, 2);
SELECT nextval('s') FROM generate_series(1, 10) LIMIT 3;
SELECT nextval('s') FROM generate_series(1, 10) OFFSET 8;
SELECT nextval('s');
SELECT nextval('s') FROM generate_series(1, 3, 0);
SELECT nextval('s') FROM generate_series(1, NULL);
SELECT nextval('s') FROM generate_series(1, '3');
SELECT nextval('s'), nextval('s') FROM generate_series(1, 3);
SELECT generate_series(1, 3);
CREATE SEQUENCE t;
SELECT generate_series(1, 3), nextval('t');
SELECT currval('t');
-- differs: set-functions -> row '3'
SELECT nextval('s') FROM generate_series(9223372036854775806, 9223372036854775807);
SELECT nextval('s') FROM (VALUES (1), (2)) AS v(x);
SELECT nextval('s') FROM unnest(ARRAY[1, 2, 3]);
SELECT nextval('s') FROM unnest('{1,2}'::int[]) AS u(x);

-- group: VALUES and UNION ALL
CREATE SEQUENCE s;
VALUES (nextval('s'));
VALUES (1), (2), (3);
VALUES (nextval('s'), 'a'), (nextval('s'), 'b');
VALUES (1, 'x'), (2, NULL);
VALUES (1), (1, 2);
SELECT nextval('s') UNION ALL SELECT nextval('s');
SELECT nextval('s') AS id UNION ALL SELECT nextval('s') UNION ALL SELECT nextval('s');
SELECT nextval('s'), 'a' UNION ALL SELECT nextval('s'), 'b';
SELECT 1 UNION ALL SELECT nextval('s');
SELECT nextval('s') UNION ALL SELECT 'x';
SELECT nextval('s') UNION ALL SELECT 1, 2;
(SELECT nextval('s')) UNION ALL (SELECT nextval('s'));
SELECT nextval('s') UNION ALL VALUES (7);

-- group: constants and casts
SELECT 1;
SELECT 1, 2147483647, 2147483648, -2147483648, 9223372036854775807, 9223372036854775808;
SELECT 1.5, 1e3, .5, 1.50;
SELECT 'text', NULL, true, false, 'é';
SELECT 'a' AS "A b", 1 AS one, 2 two;
SELECT 1::bigint, 1::smallint, '5'::int, ' 7 '::bigint, 'x'::text, 't'::bool, 'off'::boolean;
SELECT CAST('12' AS bigint), CAST(12 AS text), CAST(1 AS bool), bigint '44', int4 '5';
SELECT 'x'::int;
SELECT '5.5'::int;
SELECT '99999999999'::int;
SELECT '-99999999999999999999'::bigint;
SELECT ''::bigint;
SELECT 2147483648::int;
SELECT 40000::smallint;
SELECT 'maybe'::bool;
SELECT 1.5::int, 2.5::int, -1.5::int;
SELECT 1 + 1, 7 / 2, 7 % 2, 2 * 3, 5 - 8;
SELECT 1 / 0;
SELECT 2147483647 + 1;
SELECT 9223372036854775807 + 1;
SELECT 1 + 'x';
SELECT 1 + '5';
SELECT 'a' || 'b', 'a' || 1;
SELECT 1 = 1, 1 <> 2, 1 < 2, NULL = 1, NOT true, true AND false, NULL OR true;
SELECT 1 IS NULL, NULL IS NULL, NULL IS NOT NULL;
SELECT nope;
SELECT nope.nope;
SELECT *;
SELECT nope();
SELECT 's'::nope;
SELECT E'a\'b', $$dollar$$, U&'\0041';
SELECT 'a'
'b';
SELECT X'1F', B'101';
-- differs: expressions -> ERROR 0A000

-- group: functions that drivers call
SELECT current_schema();
SELECT current_schema;
SELECT current_database(), current_catalog;
SELECT current_user, session_user, user;
SELECT current_schemas(false);
SELECT current_schemas(true);
SELECT current_setting('search_path');
SELECT current_setting('nope');
SELECT current_setting('nope', true);
SELECT set_config('application_name', 'here', false);
SELECT current_setting('application_name');
SELECT pg_is_in_recovery();
SELECT pg_backend_pid() > 0;
SELECT to_regclass('nope');
SELECT has_sequence_privilege('nope', 'USAGE');
-- differs: positions -> ERROR 42P01 relation "nope" does not exist | position: 31
SELECT pg_get_serial_sequence('nope', 'id');
SELECT now() IS NULL, current_timestamp IS NULL;
SELECT upper('a'), lower('B'), length('four');
SELECT txid_current() > 0;
-- differs: expressions -> ERROR

-- group: names of sequences as values
CREATE SEQUENCE s;
CREATE SEQUENCE "Mixed Case";
CREATE SEQUENCE "select";
SELECT 's'::regclass, '"Mixed Case"'::regclass, 'public.s'::regclass;
SELECT 's'::regclass::text, to_regclass('s'), to_regclass('nope');
SELECT nextval('s'::regclass), nextval('public.s'::regclass), nextval('"Mixed Case"'::regclass);
SELECT nextval('"select"');
SELECT nextval('select');
SELECT nextval('mixed case');
SELECT nextval('S'), nextval('PUBLIC.S');
SELECT has_sequence_privilege('s', 'USAGE'), has_sequence_privilege('s', 'SELECT, UPDATE');
SELECT has_sequence_privilege('app', 's', 'usage');
SELECT has_sequence_privilege('s', 'NONSENSE');
SELECT pg_get_serial_sequence('s', 'id');
-- differs: tables -> ERROR 42P01 relation "s" does not exist

-- group: how names are shown
-- modes: simple text
CREATE SEQUENCE "select";
CREATE SEQUENCE "Mixed Case";
SELECT '"Mixed Case"'::regclass, 'public."Mixed Case"'::regclass;
SELECT '"select"'::regclass;

-- group: EXISTS does not evaluate the list of its SELECT
CREATE SEQUENCE s;
SELECT EXISTS(SELECT nextval('s'));
SELECT currval('s');
SELECT NOT EXISTS(SELECT nextval('s') WHERE false), EXISTS(SELECT nextval('s') FROM generate_series(1, 3));
SELECT EXISTS(SELECT nextval('s') LIMIT 1), EXISTS(SELECT nextval('s') LIMIT NULL), EXISTS(SELECT nextval('s') LIMIT 0);
SELECT EXISTS(SELECT setval('s', 50)), EXISTS(SELECT 1 / 0), EXISTS(SELECT (SELECT nextval('s')));
SELECT 1 WHERE EXISTS(SELECT nextval('s'), *, x FROM generate_series(1, 3) AS x);
SELECT EXISTS(SELECT nextval('nope'));
SELECT 1, EXISTS(SELECT 1 WHERE EXISTS(SELECT setval('nope', 3)));
SELECT currval('s');

-- group: EXISTS where the list is evaluated all the same
CREATE SEQUENCE s;
SELECT EXISTS(SELECT nextval('s') FROM generate_series(1, 3) WHERE nextval('s') > 1);
SELECT currval('s');
SELECT EXISTS(SELECT nextval('s') OFFSET 1), EXISTS(SELECT nextval('s') OFFSET 0);
SELECT currval('s');
SELECT EXISTS(SELECT nextval('s') UNION ALL SELECT nextval('s'));
SELECT currval('s');
SELECT EXISTS(VALUES (nextval('s')), (nextval('s'))), EXISTS(VALUES (nextval('s')));
SELECT currval('s');
SELECT EXISTS(SELECT x FROM (SELECT nextval('s') AS x) t);
SELECT currval('s');
SELECT EXISTS(SELECT nextval('s') FROM generate_series(1, 3) OFFSET 1);
SELECT currval('s');

-- Arms that are unions themselves, of another width.
SELECT 1 UNION ALL (SELECT 2, 3 UNION ALL SELECT 4, 5 LIMIT 0);
SELECT 1 UNION ALL (SELECT 2, 3 UNION ALL SELECT 4, 5);
(SELECT 2, 3 UNION ALL SELECT 4, 5 LIMIT 1) UNION ALL SELECT 1;
