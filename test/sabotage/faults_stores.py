# SPDX-License-Identifier: Apache-2.0
"""Deliberate faults of the guard, and of the stores' drivers."""
from fault import Fault

CONFORMANCE = "test/stores/test_conformance.py -k"

STORES = [
    Fault("the guard is written after the answer", "src/store/guard.c",
          "        (void)pawl_guard_put(guard, &entries);\n    }\n"
          "    for (size_t i = 0; i < count; i++) {\n"
          "        pawl_asks_add(&guard->answered, guard->batch[i]->from);\n"
          "        free(guard->batch[i]);\n    }\n",
          "        for (size_t i = 0; i < count; i++) {\n"
          "            pawl_ask_answer(guard->batch[i]->from);\n        }\n"
          "        (void)pawl_guard_put(guard, &entries);\n"
          "        for (size_t i = 0; i < count; i++) {\n            free(guard->batch[i]);\n"
          "        }\n        return;\n    }\n"
          "    for (size_t i = 0; i < count; i++) {\n"
          "        pawl_asks_add(&guard->answered, guard->batch[i]->from);\n"
          "        free(guard->batch[i]);\n    }\n"),
    Fault("the guard is not written at all", "src/store/guard.c",
          "    if (seen > 0) {\n        const struct pawl_entries entries",
          "    if (seen > PAWL_GUARD_BATCH_MAX) {\n        const struct pawl_entries entries"),
    Fault("a give-back is sent before the guard knows of it", "src/store/guard.c",
          "    bool put = pawl_guard_put(guard, &entries);\n",
          "    bool put = true;\n"
          "    for (size_t i = 0; i < count; i++)\n"
          "        ask_below(guard, &guard->batch[i]->ask);\n"
          "    (void)pawl_guard_put(guard, &entries);\n    return;\n"),
    Fault("a store that has lost a sequence may begin it again", "src/store/guard.c",
          "    if (from->kind == PAWL_ASK_CREATE) passed->ask.floor = seen.mark;\n", ""),
    Fault("a sequence that was dropped waits for those who know it", "src/store/guard_learn.c",
          "    return seen->first.line == 0 && seen->dropped_s == 0 && "
          "guard->now_ns < guard->learn_until_ns;",
          "    return seen->first.line == 0 && guard->now_ns < guard->learn_until_ns;"),
    Fault("--learn-for begins anew with each start", "src/store/guard_look.c",
          "    uint64_t since_ns = since_s > 0 ? (uint64_t)since_s * PAWL_NS_PER_S : 0;",
          "    uint64_t since_ns = since_s > 0 ? 0 : 0;"),
    Fault("--learn-for never ends", "src/store/guard_look.c",
          "? guard->now_ns + guard->settings.learn_ns - since_ns", "? UINT64_MAX"),
    Fault("a store's name is not compared", "src/store/guard_look.c",
          "    bool other = now->name_size > 0 && guard->store.name_size > 0 &&\n",
          "    bool other = now->name_size > 0 && guard->store.name_size == 255 &&\n"),
    Fault("the guard does not remember a new branch", "src/store/guard_look.c",
          "        if (now->branch.size > 0) guard->head.branch = now->branch;\n", ""),
    Fault("a store that went back is not told to draw a branch", "src/store/guard_look.c",
          "    if (!redrawn && (back || other)) {", "    if (!redrawn && other && !back) {"),
    Fault("a frame of the guard's journal is read whatever its checksum",
          "src/store/guard_text.c",
          "    if (get_number(rest.at + 4, 4) != pawl_bytes_crc32(body)) return none;\n", ""),
    Fault("frames that data.mdb has already are read again", "src/store/guard_text.c",
          "        if (get_number(body.at, 8) == generation) (void)read_frame(body, reader);",
          "        if (get_number(body.at, 8) <= generation) (void)read_frame(body, reader);"),
    Fault("two servers share a guard", "src/store/guard_file.c",
          "pawl_folder_take(&file->lock, place->folder, place->takeover_ns, error);\n",
          "pawl_folder_take(&file->lock, place->folder, place->takeover_ns, error);\n"
          "        pawl_folder_leave(&file->lock);\n"),
    Fault("a guard lies in its store's folder", "src/store/guard_file.c",
          "    if (err == PAWL_OK) err = check_apart(file, place, error);\n",
          "    if (err == PAWL_OK && place->url == NULL) err = check_apart(file, place, error);\n"),
    Fault("a guard forgets with its journal what it could not write", "src/store/guard_file.c",
          "    if (!file->missed) file->retry_ns = pawl_clock_ns() + RETRY_NS;\n"
          "    file->missed = true;\n",
          "    if (!file->missed) file->retry_ns = pawl_clock_ns() + RETRY_NS;\n"
          "    free_cells(file);\n"),
    Fault("two stores of one prefix's name have one guard", "src/store/guard_text.c",
          "        bool plain = (byte >= '0' && byte <= '9') ||",
          "        bool plain = byte == '/' || (byte >= '0' && byte <= '9') ||"),
    Fault("a tag is drawn that others may have drawn", "src/store/tag.c",
          "number < UINT64_MAX ? number + 1 : number,", "number > 0 ? number : 1,"),
    Fault("LMDB answers before it has committed", "src/store/lmdb.c",
          "    *failure = mdb_txn_commit(txn);",
          "    *failure = 0;\n    mdb_txn_abort(txn);"),
    Fault("LMDB does not sync", "src/store/lmdb_env.c",
          "MDB_NOTLS | MDB_NORDAHEAD, FILE_MODE);",
          "MDB_NOTLS | MDB_NORDAHEAD | MDB_NOSYNC, FILE_MODE);"),
    Fault("LMDB does not notice that its folder was exchanged", "src/store/lmdb_env.c",
          "    if (strcmp(env->uuid, uuid) == 0) return PAWL_OK;\n",
          "    if (env->uuid[0] != '\\0') return PAWL_OK;\n"),
    Fault("two processes use one LMDB folder", "src/store/folder.c",
          "    while (fcntl(fd, F_OFD_SETLK, &lock) != 0) {",
          "    while (fcntl(fd, F_GETFD, &lock) == -1) {"),
    Fault("etcd writes whatever the revision is", "src/store/etcd/request.c",
          "        put(&writer, \",\\\"target\\\":\\\"MOD\\\",\\\"result\\\":\\\"EQUAL\\\","
          "\\\"mod_revision\\\":\\\"%\" PRIu64 \"\\\"}\",\n            condition->revision);\n"
          "        put_has_value(&writer, key, condition->value);\n",
          "        put(&writer, \",\\\"target\\\":\\\"MOD\\\",\\\"result\\\":\\\"GREATER\\\","
          "\\\"mod_revision\\\":\\\"0\\\"}\");\n"),
    Fault("etcd writes whatever the branch is", "src/store/etcd/request.c",
          "    if (condition->meta_key.size > 0) {\n        put_has_value(",
          "    if (condition->meta_key.size == 1) {\n        put_has_value("),
    Fault("etcd did nothing when it timed out", "src/store/etcd/answer.c",
          "    {\"timed out\", MAYBE,", "    {\"timed out\", NOT_RUN,"),
    Fault("etcd's backup goes on in the branch that it has", "src/store/etcd/meta.c",
          "    if (meta->tag.number > seen->number) return true;\n", ""),
    Fault("etcd's backup goes on in the cluster that it was made of", "src/store/etcd/meta.c",
          "    if (cluster_id != look->etcd->cluster_id) return true;\n", ""),
    Fault("PostgreSQL advances whatever the epoch is", "src/store/postgres/sql.c",
          "WHERE name = $1::text AND \\\"epoch\\\" = $2::bigint \"",
          "WHERE name = $1::text AND \\\"epoch\\\" * 0 <= $2::bigint \"",
          f"{CONFORMANCE} postgres"),
    Fault("PostgreSQL writes whatever the tag is", "src/store/postgres/sql.c",
          "AND \\\"tag\\\" = $2::bigint AND \\\"version\\\" = $3::bigint \"",
          "AND \\\"tag\\\" * 0 <= abs($2::bigint) AND \\\"version\\\" * 0 <= $3::bigint \"",
          f"{CONFORMANCE} postgres"),
    Fault("PostgreSQL answers before its commit is durable", "src/store/postgres/sql.c",
          "'remote_apply' THEN 'remote_apply' ELSE 'on' END",
          "'remote_apply' THEN 'remote_apply' ELSE 'off' END",
          "test/stores/test_postgres.py"),
    Fault("an error at PostgreSQL's commit undid it", "src/store/postgres/state.c",
          "    if (!at_commit) return PAWL_POSTGRES_UNDONE;\n",
          "    if (at_commit || !at_commit) return PAWL_POSTGRES_UNDONE;\n"),
    Fault("a pooler's error is the server's", "src/store/postgres/state.c",
          "    if (strcmp(severity, \"ERROR\") != 0) return PAWL_POSTGRES_DOUBT;\n", ""),
    Fault("Redis advances whatever the epoch is", "src/store/redis/script.c",
          " or v[1]~='1' or v[3]~=ARGV[1] or v[5]~=ARGV[2]\\n\"",
          " or v[1]~='1' or v[5]~=ARGV[2]\\n\"", f"{CONFORMANCE} redis"),
    Fault("Redis writes whatever the tag is", "src/store/redis/script.c",
          "    \"elseif not (tag and now[3][6]) or tag..'/'..now[3][6]~=ARGV[1] or now[2]~=-1 "
          "then\\n\"",
          "    \"elseif not (tag and now[3][6]) or now[2]~=-1 then\\n\"", f"{CONFORMANCE} redis"),
    Fault("Redis grants whatever its branch is", "src/store/redis/script.c",
          "  return m[1]~=ARGV[N-2] or tonumber(m[2])<tonumber(ARGV[N-1])\\n\"",
          "  return false\\n\"", "test/stores/test_redis.py"),
    Fault("Redis's position may fall", "src/store/redis/sight.c",
          "    if (same && head->position >= known->position) {", "    if (same) {",
          "test/stores/test_redis.py test/stores/test_went_back.py -k redis"),
    Fault("DynamoDB advances whatever the epoch is", "src/store/dynamodb/item.c",
          "\\\"#format = :format AND #epoch = :epoch AND #lap = :lap AND \"",
          "\\\"#format = :format AND #epoch > :zero AND :epoch = :epoch AND #lap = :lap AND \"",
          f"{CONFORMANCE} dynamodb"),
    Fault("Couchbase replaces whatever the CAS is", "src/store/couchbase/ops.c",
          "    work->call.cas = cas;\n", "    work->call.cas = 0;\n", f"{CONFORMANCE} couchbase"),
    Fault("Couchbase takes any CAS for that of the record", "src/store/couchbase/ops.c",
          "        op->found.epoch == op->expected.epoch && op->found.tag == op->expected.tag &&\n"
          "        op->found.version == op->expected.version) {",
          "        op->found.epoch == op->expected.epoch) {", f"{CONFORMANCE} couchbase"),
    Fault("a history of Couchbase that goes on has lost nothing of ours",
          "src/store/couchbase/past.c",
          "    if (past == NULL || past->lost || !read_uuid(was, &uuid)) return false;",
          "    if (past == NULL || !read_uuid(was, &uuid)) return false;"),
    Fault("any history of Couchbase goes on from any other", "src/store/couchbase/past.c",
          "        if (pawl_mcbp_get(past->log + at, HALF_BYTES) == uuid) return true;",
          "        if (pawl_mcbp_get(past->log + at, HALF_BYTES) != 0) return true;"),
]
