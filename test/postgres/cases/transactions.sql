-- Transactions: ids never come back, and the states are PostgreSQL's.

-- group: nextval and setval are not rolled back
CREATE SEQUENCE s;
BEGIN;
SELECT nextval('s');
SELECT setval('s', 10);
ROLLBACK;
SELECT nextval('s'), currval('s');
BEGIN;
SELECT nextval('s');
COMMIT;
SELECT nextval('s');
START TRANSACTION;
SELECT nextval('s');
-- B
SELECT nextval('s');
-- A
ROLLBACK WORK;
SELECT lastval();

-- group: the words
BEGIN WORK;
COMMIT WORK;
BEGIN TRANSACTION;
END;
BEGIN;
END TRANSACTION;
BEGIN;
ABORT;
START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ WRITE, NOT DEFERRABLE;
SHOW transaction_isolation;
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SHOW transaction_isolation;
BEGIN;
COMMIT;
COMMIT;
ROLLBACK;
BEGIN;
COMMIT AND CHAIN;
ROLLBACK AND CHAIN;
COMMIT AND NO CHAIN;
COMMIT AND CHAIN;
BEGIN ISOLATION LEVEL NONSENSE;
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;
BEGIN;
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;
SHOW transaction_isolation;
SELECT 1;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
ROLLBACK;
SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ;
SHOW default_transaction_isolation;
SHOW transaction_isolation;

-- group: a transaction that failed
CREATE SEQUENCE s;
BEGIN;
SELECT nextval('s');
SELECT nextval('nope');
SELECT nextval('s');
SELECT 1;
SELEC;
SHOW all;
CREATE SEQUENCE t;
BEGIN;
SAVEPOINT p;
COMMIT;
SELECT nextval('s');
BEGIN;
SELEC;
SELECT 1;
ROLLBACK;
SELECT nextval('s');
BEGIN;
SELECT currval('nope');
;
END;

-- group: savepoints
CREATE SEQUENCE s;
SAVEPOINT outside;
ROLLBACK TO outside;
RELEASE outside;
BEGIN;
SAVEPOINT a;
SELECT nextval('s');
SAVEPOINT b;
SELECT nextval('nope');
SELECT nextval('s');
ROLLBACK TO SAVEPOINT b;
SELECT nextval('s');
RELEASE SAVEPOINT b;
ROLLBACK TO a;
SELECT nextval('s'), currval('s');
RELEASE a;
ROLLBACK TO a;
ROLLBACK TO a;
COMMIT;
BEGIN;
SAVEPOINT a;
SAVEPOINT a;
SAVEPOINT "A";
RELEASE a;
ROLLBACK TO a;
RELEASE a;
ROLLBACK TO "A";
COMMIT;
BEGIN;
SAVEPOINT a;
SAVEPOINT b;
ROLLBACK TO a;
ROLLBACK TO b;
ROLLBACK TO a;
RELEASE nope;
RELEASE a;
ROLLBACK;
SELECT nextval('s');

-- group: read only
CREATE SEQUENCE s;
SELECT nextval('s');
BEGIN READ ONLY;
SELECT currval('s'), lastval();
SELECT nextval('s');
ROLLBACK;
BEGIN TRANSACTION READ ONLY;
SELECT setval('s', 5);
ROLLBACK;
BEGIN READ ONLY;
CREATE SEQUENCE t;
ROLLBACK;
BEGIN READ ONLY;
ALTER SEQUENCE s RESTART;
ROLLBACK;
BEGIN READ ONLY;
DROP SEQUENCE s;
ROLLBACK;
BEGIN READ ONLY;
SELECT last_value FROM s;
SELECT sequencename FROM pg_sequences;
SHOW transaction_read_only;
COMMIT;
SHOW transaction_read_only;
SET default_transaction_read_only = on;
SELECT nextval('s');
SHOW transaction_read_only;
BEGIN READ WRITE;
SELECT nextval('s');
COMMIT;
SET default_transaction_read_only = off;
SELECT nextval('s');
BEGIN;
SET TRANSACTION READ ONLY;
SELECT nextval('s');
ROLLBACK;
SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY;
SELECT nextval('s');
SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE;
SELECT nextval('s');
BEGIN READ ONLY;
SELECT nextval(NULL);
ROLLBACK;
BEGIN READ ONLY;
SET TRANSACTION READ WRITE;
SELECT nextval('s');
ROLLBACK;

-- group: definitions stay when a transaction is rolled back
BEGIN;
CREATE SEQUENCE s;
SELECT nextval('s');
ROLLBACK;
-- differs: ddl -> WARNING
SELECT nextval('s');
-- differs: ddl -> row '2'

-- group: definitions in a transaction that commits
BEGIN;
CREATE SEQUENCE s;
SELECT nextval('s');
ALTER SEQUENCE s INCREMENT 5;
SELECT nextval('s');
COMMIT;
SELECT nextval('s');
BEGIN;
DROP SEQUENCE s;
SELECT nextval('s');
ROLLBACK;
-- differs: ddl -> WARNING

-- group: several texts in one transaction
-- modes: simple
CREATE SEQUENCE s;
BEGIN\; SELECT nextval('s')\; SELECT nextval('nope')\; COMMIT;
SELECT nextval('s');
COMMIT;
SELECT nextval('s')\; BEGIN\; SELECT nextval('s');
COMMIT\; SELECT nextval('s');
BEGIN\; COMMIT\; BEGIN\; ROLLBACK;
SELECT 1\; SAVEPOINT a;
