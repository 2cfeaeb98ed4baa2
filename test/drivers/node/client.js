// SPDX-License-Identifier: Apache-2.0
// node-postgres: a program that makes one check and prints a line of JSON, as test_checks.py wants
// it. The server is the one that libpq's variables name.
'use strict';
const { Client, Pool } = require('pg');

const UNKNOWN = "SELECT nextval('no_such_sequence')";

async function connect(options) {
  const client = new Client(options);
  await client.connect();
  return client;
}

// bigint comes as a string: node-postgres leaves that to its user.
const ids = (result) => result.rows.map((row) => Number(Object.values(row)[0]));
const one = async (client, ...query) => ids(await client.query(...query))[0];
const next = (client, name) => one(client, `SELECT nextval('${name}')`);

async function times(count, work) {
  const found = [];
  for (let i = 0; i < count; i++) found.push(await work(i));
  return found;
}

async function failure(work) {
  try {
    await work();
  } catch (error) {
    return error;
  }
  throw new Error('no error');
}

const checks = {
  async ids(name, count, connections) {
    const take = async () => {
      const client = await connect();
      const found = await times(count / connections, () => next(client, name));
      await client.end();
      return found;
    };
    return { ids: await Promise.all(Array.from({ length: connections }, take)) };
  },

  async unknown(name) {
    const client = await connect();
    const error = await failure(() => client.query(UNKNOWN));
    return { code: error.code, error: error.constructor.name, then: await next(client, name) };
  },

  async exhausted(name) {
    const client = await connect();
    const found = await times(3, () => next(client, name));
    const error = await failure(() => next(client, name));
    return { ids: found, code: error.code, error: error.constructor.name };
  },

  async prepared(name) {
    const client = await connect();
    const query = { name: 'one-id', text: 'SELECT nextval($1)', values: [name] };
    return { ids: await times(100, () => one(client, query)) };
  },

  async binary(name) {
    const client = await connect({ binary: true });
    return { ids: await times(10, () => one(client, 'SELECT nextval($1)', [name])) };
  },

  async pipeline(name) {
    const client = await connect();
    const all = Array.from({ length: 100 }, () => one(client, 'SELECT nextval($1)', [name]));
    return { ids: await Promise.all(all) };
  },

  async transaction(name) {
    const client = await connect();
    await client.query('BEGIN');
    const first = await next(client, name);
    await failure(() => client.query(UNKNOWN));
    const failed = (await failure(() => next(client, name))).code;
    await client.query('ROLLBACK');
    return { first, failed, second: await next(client, name) };
  },

  async pool(name) {
    const pool = new Pool({ max: 4 });
    const all = Array.from({ length: 400 }, () => next(pool, name));
    const found = await Promise.all(all);
    await pool.end();
    return { ids: found };
  },

  async session(name) {
    const client = await connect();
    return {
      values: [
        await one(client, 'SELECT setval($1, $2)', [name, 1000]),
        await one(client, 'SELECT nextval($1)', [name]),
        await one(client, 'SELECT currval($1)', [name]),
        await one(client, 'SELECT lastval()'),
      ],
    };
  },

  async rows(name) {
    const client = await connect();
    const text = `SELECT nextval('${name}') FROM generate_series(1, 50)`;
    return { ids: ids(await client.query(text)) };
  },

  async password(name) {
    const id = await next(await connect(), name);
    return { id, error: (await failure(() => connect({ password: 'wrong' }))).code };
  },
};

const [check, ...words] = process.argv.slice(2);
checks[check](...words).then((found) => {
  console.log(JSON.stringify(found));
  process.exit(0);
});
