-- SET, RESET, SHOW.

-- group: what drivers set
SET client_encoding = 'UTF8';
SET client_encoding TO 'utf-8';
SHOW client_encoding;
SET NAMES 'UTF8';
SET DateStyle = 'ISO';
SET datestyle TO ISO, MDY;
SHOW datestyle;
SET extra_float_digits = 3;
SHOW extra_float_digits;
SET application_name = 'pawl test';
SHOW application_name;
RESET application_name;
SHOW application_name;
SET TIME ZONE 'UTC';
SHOW TimeZone;
SET timezone TO 'Europe/Istanbul';
SHOW timezone;
SET statement_timeout = 5000;
SHOW statement_timeout;
SET statement_timeout = '10s';
SHOW statement_timeout;
SET statement_timeout TO DEFAULT;
SHOW statement_timeout;
SET lock_timeout = '1min';
SHOW lock_timeout;
SET idle_in_transaction_session_timeout = 0;
SET client_min_messages TO warning;
SHOW client_min_messages;
CREATE SEQUENCE IF NOT EXISTS s;
CREATE SEQUENCE IF NOT EXISTS s;
SET client_min_messages TO notice;
CREATE SEQUENCE IF NOT EXISTS s;
SET standard_conforming_strings = on;
SHOW standard_conforming_strings;
SET bytea_output = hex;
SET intervalstyle = 'iso_8601';
SET search_path TO public;
SHOW search_path;
SET search_path = "$user", public;
SHOW search_path;
SET search_path TO 'a b', c;
SHOW search_path;
RESET search_path;
SHOW search_path;
SET SESSION search_path = x;
SHOW search_path;
RESET ALL;
SHOW search_path;
SET LOCAL search_path = x;
SET synchronous_commit = off;
SHOW shared_buffers;
-- differs: settings -> ERROR 42704

-- group: values that cannot be
SET client_encoding = 'nonsense';
SET statement_timeout = 'soon';
SET statement_timeout = -5;
SET extra_float_digits = 100;
SET client_min_messages = nonsense;
SET standard_conforming_strings = maybe;
SET datestyle = nonsense;
SET nope = 1;
SHOW nope;
RESET nope;
SET my.own = 'x';
SHOW my.own;
SHOW my.other;
SET server_version = '1';
SHOW;
SET;
SET default_transaction_isolation = 'nonsense';

-- group: what is shown
SELECT current_setting('server_version_num')::int / 10000;
SHOW server_encoding;
SHOW transaction_isolation;
SHOW TRANSACTION ISOLATION LEVEL;
SHOW default_transaction_isolation;
SHOW default_transaction_read_only;
SHOW integer_datetimes;
SHOW IntervalStyle;
SHOW is_superuser;
SHOW session_authorization;
SHOW max_identifier_length;
SHOW lc_collate;
SHOW in_hot_standby;

-- group: SET LOCAL and transactions
SET application_name = 'one';
BEGIN;
SET LOCAL application_name = 'two';
SHOW application_name;
COMMIT;
SHOW application_name;
BEGIN;
SET application_name = 'three';
ROLLBACK;
SHOW application_name;
BEGIN;
SET application_name = 'four';
COMMIT;
SHOW application_name;
BEGIN;
SET application_name = 'five';
SAVEPOINT a;
SET application_name = 'six';
ROLLBACK TO a;
SHOW application_name;
COMMIT;
SHOW application_name;
SELECT set_config('application_name', 'seven', true);
SHOW application_name;
DISCARD ALL;
SHOW application_name;

-- group: search_path finds sequences
CREATE SCHEMA one;
-- differs: schemas -> NOTICE
CREATE SCHEMA two;
-- differs: schemas -> NOTICE
CREATE SEQUENCE one.s START 100;
CREATE SEQUENCE two.s START 200;
CREATE SEQUENCE s;
SELECT nextval('s'), nextval('one.s'), nextval('two.s');
SET search_path TO two, one;
SELECT nextval('s'), currval('s');
SELECT current_schema(), current_schemas(false);
CREATE SEQUENCE t START 5;
SELECT nextval('two.t');
DROP SEQUENCE s;
SELECT nextval('s');
SET search_path TO nowhere, public;
SELECT nextval('s');
SELECT nextval('t');
SET search_path TO nowhere;
SELECT nextval('s');
SET search_path TO '';
SELECT nextval('s');
SELECT nextval('public.s');
SELECT 'public.s'::regclass;
SHOW search_path;
CREATE SEQUENCE u;

-- group: names outside of search_path are shown with their schemas
-- modes: simple text
CREATE SEQUENCE s;
CREATE SCHEMA one;
-- differs: schemas -> NOTICE
CREATE SEQUENCE one.s;
CREATE SEQUENCE one.t;
SELECT 's'::regclass, 'one.t'::regclass;
SET search_path TO public, one;
SELECT 't'::regclass, 's'::regclass;
SELECT 'one.s'::regclass;
-- differs: regclass -> row 's'
