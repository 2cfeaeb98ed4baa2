# SPDX-License-Identifier: Apache-2.0
"""A store's records past pawl, with the store's own words: as a person, a restored backup or a
failover changes them. copy() and put_back() move all that is kept of one sequence; lose() removes
it; spoil() makes it one that cannot be read. What cannot is in CANNOT, with the reason."""
import base64
import json

import servers

TABLE = "pawl_sequences"
CANNOT = {"couchbase_mock": "the fake does it, which has the real server's semantics"}


def b64(text):
    return base64.b64encode(text).decode()


def etcd(server, what, **words):
    text = servers.http(f"http://127.0.0.1:{server.ports[0]}/v3/kv/{what}",
                        json.dumps(words).encode(), 10)
    return json.loads(text)


def etcd_records(server, name):
    found = etcd(server, "range", key=b64(b"pawl"), range_end=b64(b"pawm"))
    return [one for one in found.get("kvs", []) if name.encode() in base64.b64decode(one["key"])]


def dynamo_records(server, name):
    """A scan comes in pages of 1 MB, and the table is shared."""
    found, more = [], {}
    while more is not None:
        page = server.call("Scan", TableName=server.table, **more)
        found += [one for one in page["Items"] if name in json.dumps(one)]
        last = page.get("LastEvaluatedKey")
        more = None if last is None else {"ExclusiveStartKey": last}
    return found


def redis_keys(client, name):
    return [key for key in client.scan_iter() if name.encode() in key]


def raw_redis(server):
    return servers.redis.Redis(port=server.ports[0], socket_timeout=5)


def copy(server, name):
    if isinstance(server, servers.Postgres):
        server.sql(f"DROP TABLE IF EXISTS copied; CREATE TABLE copied AS SELECT t.* FROM {TABLE} t"
                   f" WHERE t::text LIKE '%{name}%'")
        assert server.sql("SELECT count(*) FROM copied") == "1"
        return "copied"
    if isinstance(server, servers.Etcd):
        return etcd_records(server, name)
    if isinstance(server, servers.Redis):
        with raw_redis(server) as client:
            return {key: client.dump(key) for key in redis_keys(client, name)}
    if isinstance(server, servers.Dynamo):
        return dynamo_records(server, name)
    return server.fake.moment()


def put_back(server, name, copied):
    assert copied is not None and copied != [] and copied != {}
    if isinstance(server, servers.Postgres):
        server.sql(f"BEGIN; DELETE FROM {TABLE} t WHERE t::text LIKE '%{name}%';"
                   f" INSERT INTO {TABLE} SELECT * FROM copied; COMMIT")
    elif isinstance(server, servers.Etcd):
        for one in copied:
            etcd(server, "put", key=one["key"], value=one["value"])
    elif isinstance(server, servers.Redis):
        with raw_redis(server) as client:
            for key, value in copied.items():
                client.restore(key, 0, value, replace=True)
    elif isinstance(server, servers.Dynamo):
        for one in copied:
            server.call("PutItem", TableName=server.table, Item=one)
    else:
        server.fake.go_back(copied, told=False)


def lose(server, name):
    if isinstance(server, servers.Postgres):
        server.sql(f"DELETE FROM {TABLE} t WHERE t::text LIKE '%{name}%'")
    elif isinstance(server, servers.Etcd):
        for one in etcd_records(server, name):
            etcd(server, "deleterange", key=one["key"])
    elif isinstance(server, servers.Redis):
        with raw_redis(server) as client:
            client.delete(*redis_keys(client, name))
    elif isinstance(server, servers.Dynamo):
        schema = server.call("DescribeTable", TableName=server.table)["Table"]["KeySchema"]
        for one in dynamo_records(server, name):
            server.call("DeleteItem", TableName=server.table,
                        Key={part["AttributeName"]: one[part["AttributeName"]] for part in schema})
    else:
        server.fake.flush()


def spoiled(text, how):
    """A newer pawl's write has a tag of its own, and may begin an epoch."""
    if how != "newer":
        return '{"colour":"red"}'
    record = json.loads(text)
    at = f"e{record['epoch']}l{record['lap']}"
    record["epoch"] += 1
    if at in record:
        record[f"e{record['epoch']}l{record['lap']}"] = record.pop(at)
    return json.dumps(dict(record, format=9, tag=record["tag"] + 1))


def spoil(server, name, how):
    """how: "newer", a format that is not known yet, or "foreign", another program's."""
    newer = how == "newer"
    if isinstance(server, servers.Postgres):
        words = "format = 9, tag = tag + 1" if newer else "seq_order = 'sideways'"
        server.sql(f"UPDATE {TABLE} SET {words} WHERE name = '{name}'")
    elif isinstance(server, servers.Etcd):
        for one in etcd_records(server, name):
            text = spoiled(base64.b64decode(one["value"]).decode(), how)
            etcd(server, "put", key=one["key"], value=b64(text.encode()))
    elif isinstance(server, servers.Redis):
        with raw_redis(server) as client:
            key, = redis_keys(client, name)
            if newer:
                client.hset(key, mapping={"format": 9, "tag": 1})
            else:
                client.delete(key)
                client.hset(key, "colour", "red")
    elif isinstance(server, servers.Dynamo):
        for one in dynamo_records(server, name):
            kept = dict(one, format={"N": "9"}, tag={"N": "1"}) if newer else \
                {"k": one["k"], "p": {"N": "5"}}
            server.call("PutItem", TableName=server.table, Item=kept)
    else:
        key = f"pawl:{name}"
        server.fake.put(key, spoiled(server.fake.document(key), how))
