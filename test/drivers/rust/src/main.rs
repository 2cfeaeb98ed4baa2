// SPDX-License-Identifier: Apache-2.0
//! tokio-postgres, and deadpool in front of it: a program that makes one check and prints a line
//! of JSON, as test_checks.py wants it. The server is the one that libpq's variables name.
use std::collections::HashSet;
use std::env;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use futures::future::{join_all, try_join_all};
use serde_json::{json, Value};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Error, NoTls};

const UNKNOWN: &str = "SELECT nextval('no_such_sequence')";
type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

/// tokio-postgres reads no variables itself.
fn config() -> Config {
    let word = |name: &str| env::var(name).unwrap_or_default();
    let mut config = Config::new();
    config.host(word("PGHOST")).port(word("PGPORT").parse().expect("PGPORT"));
    config.user(word("PGUSER")).dbname(word("PGDATABASE")).password(word("PGPASSWORD"));
    config
}

async fn open(config: &Config) -> Result<Client, Error> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn one(client: &Client, sql: &str, values: Values<'_>) -> Result<i64, Error> {
    client.query_one(sql, values).await?.try_get(0)
}

async fn next(client: &Client, name: &str) -> Result<i64, Error> {
    one(client, &format!("SELECT nextval('{name}')"), &[]).await
}

async fn many(client: &Client, name: &str, count: usize) -> Result<Vec<i64>, Error> {
    let mut found = Vec::new();
    for _ in 0..count {
        found.push(next(client, name).await?);
    }
    Ok(found)
}

fn code<T>(result: Result<T, Error>) -> SqlState {
    let error = result.err().expect("an error");
    error.as_db_error().expect("an error of the server").code().clone()
}

async fn ids(name: &str, count: usize, connections: usize) -> Result<Value, Error> {
    let take = || async { many(&open(&config()).await?, name, count / connections).await };
    Ok(json!({"ids": try_join_all((0..connections).map(|_| take())).await?}))
}

async fn unknown(client: &Client, name: &str) -> Result<Value, Error> {
    let state = code(one(client, UNKNOWN, &[]).await);
    let class = if state == SqlState::UNDEFINED_TABLE { "UNDEFINED_TABLE" } else { "" };
    Ok(json!({"code": state.code(), "error": class, "then": next(client, name).await?}))
}

async fn exhausted(client: &Client, name: &str) -> Result<Value, Error> {
    let found = many(client, name, 3).await?;
    let state = code(next(client, name).await);
    Ok(json!({"ids": found, "code": state.code(), "error": "DbError"}))
}

/// Its parameters have the type that the server says, and text is none for a regclass: a cast.
async fn prepared(client: &Client, name: &str) -> Result<Value, Error> {
    let statement = client.prepare("SELECT nextval($1::text)").await?;
    let mut found: Vec<i64> = Vec::new();
    for _ in 0..100 {
        found.push(client.query_one(&statement, &[&name]).await?.get(0));
    }
    Ok(json!({"ids": found}))
}

async fn pipeline(client: &Client, name: &str) -> Result<Value, Error> {
    let statement = client.prepare("SELECT nextval($1::text)").await?;
    let all = (0..100).map(|_| async { client.query_one(&statement, &[&name]).await?.try_get(0) });
    let found: Result<Vec<i64>, Error> = join_all(all).await.into_iter().collect();
    Ok(json!({"ids": found?}))
}

async fn transaction(client: &mut Client, name: &str) -> Result<Value, Error> {
    let sql = format!("SELECT nextval('{name}')");
    let block = client.transaction().await?;
    let first: i64 = block.query_one(&sql, &[]).await?.get(0);
    code(block.query_one(UNKNOWN, &[]).await);
    let failed = code(block.query_one(&sql, &[]).await);
    block.rollback().await?;
    Ok(json!({"first": first, "failed": failed.code(), "second": next(client, name).await?}))
}

/// A pool that cleans each connection with all that its driver has for that. It would hide that this
/// failed, and connect anew: so the sessions are counted.
async fn pool(name: &str) -> Result<Value, Error> {
    let how = ManagerConfig { recycling_method: RecyclingMethod::Clean };
    let manager = Manager::from_config(config(), NoTls, how);
    let pool = Pool::builder(manager).max_size(4).build().expect("a pool");
    let take = || async {
        let mut found = Vec::new();
        for _ in 0..25 {
            let client = pool.get().await.expect("a connection");
            let session: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await?.get(0);
            found.push((next(&client, name).await?, session));
        }
        Ok::<_, Error>(found)
    };
    let found = try_join_all((0..16).map(|_| take())).await?.concat();
    let sessions: HashSet<i32> = found.iter().map(|(_, session)| *session).collect();
    assert!(sessions.len() <= 4, "{} sessions for four connections", sessions.len());
    Ok(json!({"ids": found.iter().map(|(id, _)| id).collect::<Vec<_>>()}))
}

async fn session(client: &Client, name: &str) -> Result<Value, Error> {
    let set = one(client, "SELECT setval($1::text, $2)", &[&name, &1000i64]).await?;
    let next = one(client, "SELECT nextval($1::text)", &[&name]).await?;
    let current = one(client, "SELECT currval($1::text)", &[&name]).await?;
    Ok(json!({"values": [set, next, current, one(client, "SELECT lastval()", &[]).await?]}))
}

async fn rows(client: &Client, name: &str) -> Result<Value, Error> {
    let sql = format!("SELECT nextval('{name}') FROM generate_series(1, 50)");
    let found = client.query(&sql, &[]).await?;
    Ok(json!({"ids": found.iter().map(|row| row.get(0)).collect::<Vec<i64>>()}))
}

async fn password(client: &Client, name: &str) -> Result<Value, Error> {
    let state = code(open(config().password("wrong")).await);
    Ok(json!({"id": next(client, name).await?, "error": state.code()}))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let words: Vec<String> = env::args().collect();
    let name = words[2].as_str();
    let number = |i: usize| words[i].parse::<usize>().expect("a number");
    let mut client = open(&config()).await?;
    let found = match words[1].as_str() {
        "ids" => ids(name, number(3), number(4)).await?,
        "unknown" => unknown(&client, name).await?,
        "exhausted" => exhausted(&client, name).await?,
        "prepared" => prepared(&client, name).await?,
        "pipeline" => pipeline(&client, name).await?,
        "transaction" => transaction(&mut client, name).await?,
        "pool" => pool(name).await?,
        "session" => session(&client, name).await?,
        "rows" => rows(&client, name).await?,
        "password" => password(&client, name).await?,
        other => panic!("no check {other}"),
    };
    println!("{found}");
    Ok(())
}
