// SPDX-License-Identifier: Apache-2.0

// pgx: a program that makes one check and prints a line of JSON, as test_checks.py wants it. The
// server is the one that libpq's variables name.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const unknown = "SELECT nextval('no_such_sequence')"

var ctx = context.Background()

type asker interface {
	QueryRow(ctx context.Context, sql string, values ...any) pgx.Row
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// Behind a pooler that shares connections, nothing may be kept prepared.
func shared() string {
	if os.Getenv("PAWL_SHARED") == "" {
		return ""
	}
	return " default_query_exec_mode=exec"
}

func connect() *pgx.Conn {
	conn, err := pgx.Connect(ctx, shared())
	must(err)
	return conn
}

func ask(from asker, sql string, values ...any) (id int64, err error) {
	err = from.QueryRow(ctx, sql, values...).Scan(&id)
	return
}

func one(from asker, sql string, values ...any) int64 {
	id, err := ask(from, sql, values...)
	must(err)
	return id
}

func next(from asker, name string) int64 {
	return one(from, fmt.Sprintf("SELECT nextval('%s')", name))
}

// The SQLSTATE of an error that must be one of the server's, and the error's class.
func code(err error) (string, string) {
	var found *pgconn.PgError
	if !errors.As(err, &found) {
		log.Fatalf("no error of the server: %v", err)
	}
	return found.Code, fmt.Sprintf("%T", found)
}

func ids(name string, count, connections int) any {
	found := make([][]int64, connections)
	var done sync.WaitGroup
	for i := range found {
		done.Add(1)
		go func() {
			defer done.Done()
			conn := connect()
			for range count / connections {
				found[i] = append(found[i], next(conn, name))
			}
			must(conn.Close(ctx))
		}()
	}
	done.Wait()
	return map[string]any{"ids": found}
}

func unknownName(name string) any {
	conn := connect()
	_, err := ask(conn, unknown)
	state, class := code(err)
	return map[string]any{"code": state, "error": class, "then": next(conn, name)}
}

func exhausted(name string) any {
	conn := connect()
	found := []int64{next(conn, name), next(conn, name), next(conn, name)}
	_, err := ask(conn, fmt.Sprintf("SELECT nextval('%s')", name))
	state, class := code(err)
	return map[string]any{"ids": found, "code": state, "error": class}
}

func hundred(work func() int64) any {
	var found []int64
	for range 100 {
		found = append(found, work())
	}
	return map[string]any{"ids": found}
}

func prepared(name string) any {
	conn := connect()
	_, err := conn.Prepare(ctx, "one_id", "SELECT nextval($1)")
	must(err)
	return hundred(func() int64 { return one(conn, "one_id", name) })
}

// An int8 comes in binary by default; here nothing is kept prepared, which is another way through
// the protocol, and in the last ten the protocol is the simple one, which has text only.
func binary(name string) any {
	conn := connect()
	var found []int64
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheDescribe,
		pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
		for range 10 {
			found = append(found, one(conn, "SELECT nextval($1)", mode, name))
		}
	}
	return map[string]any{"ids": found}
}

func pipeline(name string) any {
	conn := connect()
	var batch pgx.Batch
	for range 100 {
		batch.Queue("SELECT nextval($1)", name)
	}
	results := conn.SendBatch(ctx, &batch)
	var found []int64
	for range 100 {
		var id int64
		must(results.QueryRow().Scan(&id))
		found = append(found, id)
	}
	must(results.Close())
	return map[string]any{"ids": found}
}

func transaction(name string) any {
	conn := connect()
	block, err := conn.Begin(ctx)
	must(err)
	first := next(block, name)
	_, err = ask(block, unknown)
	code(err)
	_, err = ask(block, fmt.Sprintf("SELECT nextval('%s')", name))
	failed, _ := code(err)
	must(block.Rollback(ctx))
	return map[string]any{"first": first, "failed": failed, "second": next(conn, name)}
}

func pooled(name string) any {
	pool, err := pgxpool.New(ctx, "pool_max_conns=4"+shared())
	must(err)
	var lock sync.Mutex
	var found []int64
	var done sync.WaitGroup
	for range 16 {
		done.Add(1)
		go func() {
			defer done.Done()
			for range 25 {
				id := next(pool, name)
				lock.Lock()
				found = append(found, id)
				lock.Unlock()
			}
		}()
	}
	done.Wait()
	pool.Close()
	return map[string]any{"ids": found}
}

func session(name string) any {
	conn := connect()
	return map[string]any{"values": []int64{one(conn, "SELECT setval($1, $2)", name, 1000),
		one(conn, "SELECT nextval($1)", name), one(conn, "SELECT currval($1)", name),
		one(conn, "SELECT lastval()")}}
}

func rows(name string) any {
	conn := connect()
	answer, err := conn.Query(ctx,
		fmt.Sprintf("SELECT nextval('%s') FROM generate_series(1, 50)", name))
	must(err)
	found, err := pgx.CollectRows(answer, pgx.RowTo[int64])
	must(err)
	return map[string]any{"ids": found}
}

func password(name string) any {
	id := next(connect(), name)
	_, err := pgx.Connect(ctx, "password=wrong")
	state, _ := code(err)
	return map[string]any{"id": id, "error": state}
}

func main() {
	check, name := os.Args[1], os.Args[2]
	var found any
	if check == "ids" {
		count, _ := strconv.Atoi(os.Args[3])
		connections, _ := strconv.Atoi(os.Args[4])
		found = ids(name, count, connections)
	} else {
		found = map[string]func(string) any{"unknown": unknownName, "exhausted": exhausted,
			"prepared": prepared, "binary": binary, "pipeline": pipeline,
			"transaction": transaction, "pool": pooled, "session": session, "rows": rows,
			"password": password}[check](name)
	}
	must(json.NewEncoder(os.Stdout).Encode(found))
}
