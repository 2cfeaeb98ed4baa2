# SPDX-License-Identifier: Apache-2.0
"""Deliberate faults of clients, servers, and the tools that people use."""
from fault import Fault

USERS = [
    Fault("a forked child goes on with its parent's stock", "src/client/vault.c",
          "    if (madvise(at, CHUNK_BYTES, MADV_WIPEONFORK) == 0) return at;",
          "    if (madvise(at, CHUNK_BYTES, MADV_NORMAL) == 0) return at;"),
    Fault("a forked child goes on with a store that cannot be shared", "src/client/client_open.c",
          "    if (client->stores != NULL && !client->stores->shared(client->url)) {",
          "    if (client->stores != NULL && client->url[0] == '\\0') {"),
    Fault("a lane of a child waits at its parent's stock", "src/client/lane.c",
          "    attach(lane, atomic_load_explicit(&seq->stock, memory_order_acquire));\n"
          "    for (;;) {",
          "    for (;;) {"),
    Fault("a client does not tell its floor", "src/client/request.c",
          "    if (floor.line == 0) return;", "    if (floor.line != UINT64_MAX) return;"),
    Fault("a client tells a floor of lap 0", "src/client/request.c",
          "    add_u64(words, floor.lap);", "    add_u64(words, floor.lap * 0);"),
    Fault("a client that changes its server loses its floor", "src/client/fleet.c",
          "    errand->tried |= UINT32_C(1) << errand->server;\n",
          "    if (errand->tried != 0 || server->health != HEALTH_WELL) "
          "errand->ask.floor.line = 0;\n"
          "    errand->tried |= UINT32_C(1) << errand->server;\n"),
    Fault("a client gives back while an ask is unanswered", "src/client/fleet.c",
          "    } else if (lease->unanswered > 0) {",
          "    } else if (lease->unanswered > 1000) {"),
    Fault("a client gives the same lease back twice", "src/client/fleet.c",
          "    lease->ticket = 0; /* at most once, whatever comes of it */\n", ""),
    Fault("a client goes back to a server that has just come back", "src/client/fleet.c",
          "now_ns - server->well_since_ns >= fleet->settings.refill_interval_ns) {",
          "now_ns >= server->well_since_ns) {"),
    Fault("clients of one sequence do not agree on a server", "src/client/fleet.c",
          "        uint64_t rank = pawl_bytes_hash(errand->ask.name, server->hash);",
          "        uint64_t rank = pawl_bytes_hash(errand->ask.name, server->hash) *\n"
          "                        ((uint64_t)(uintptr_t)fleet | 1);"),
    Fault("a client takes a lost answer for a refusal", "src/client/remote.c",
          "        ask->burned = ask->count;\n"
          "        pawl_ask_fail(ask, PAWL_LOST, \"%s: %s before the answer came\"",
          "        pawl_ask_fail(ask, PAWL_BUSY, \"%s: %s before the answer came\""),
    Fault("a client takes a change without an answer for one that failed", "src/client/remote.c",
          "        pawl_ask_fail(ask, PAWL_UNKNOWN,\n",
          "        pawl_ask_fail(ask, PAWL_BUSY,\n"),
    Fault("a client takes what one server answers for another ask's", "src/client/remote.c",
          "        (void)pawl_asks_pop(&remote->sent);\n        remote->answered_count++;",
          "        (void)pawl_asks_pop(&remote->sent);\n"
          "        if (remote->sent.first != NULL && remote->sent.first->kind == ask->kind) {\n"
          "            struct pawl_ask *next = pawl_asks_pop(&remote->sent);\n"
          "            pawl_asks_push(&remote->sent, ask);\n"
          "            next->grant = ask->grant;\n            next->error = ask->error;\n"
          "            ask = next;\n        }\n        remote->answered_count++;"),
    Fault("ids are taken past those who wait", "src/server/take.c",
          " || entry->holding == NULL || entry->parked_first != NULL) {",
          " || entry->holding == NULL) {"),
    Fault("a server forgets a client's floor", "src/server/resp/command_take.c",
          "            good = words_take_floor(&words, &floor);\n        } else {\n"
          "            good = false;\n        }\n        if (!good) count = 0;",
          "            good = words_take_floor(&words, &floor);\n            floor.line = 0;\n"
          "        } else {\n            good = false;\n        }\n        if (!good) count = 0;"),
    Fault("INCRBY takes any number of ids", "src/server/resp/command_take.c",
          "    } else if ((uint64_t)count > conn->desk->settings.max_take) {",
          "    } else if ((uint64_t)count > INT64_MAX) {"),
    Fault("INCRBY goes back", "src/server/resp/command_take.c",
          "    } else if (count < 1) {", "    } else if (count < -1) {"),
    Fault("RESTART needs no admin", "src/server/resp/command_seq.c",
          "    if (alter && (definition.given & restarts) != 0 &&",
          "    if (alter && (definition.given & restarts) == restarts &&"),
    Fault("FORCE needs no admin", "src/server/resp/command_seq.c",
          "    if (force && !command_may(conn, request, USER_ADMIN, request->words[1])) return;\n",
          ""),
    Fault("whoever is not logged in may take", "src/server/resp/command.c",
          "    if (!conn_is_in(conn)) {", "    if (!conn_is_in(conn) && conn->user != NULL) {"),
    Fault("currval outlives its sequence", "src/server/pg/last.c",
          "    if (gone_count(session->conn->desk->settings.gone) != session->gone_seen) "
          "catch_up(session);",
          "    if (gone_count(session->conn->desk->settings.gone) < session->gone_seen) "
          "catch_up(session);"),
    Fault("lastval is that of setval, too", "src/server/pg/last.c",
          "    if (lastval) session->last = last;\n",
          "    (void)lastval;\n    session->last = last;\n"),
    Fault("the judge of histories overlooks an id that came twice", "src/cli/history.c",
          "        if ((*word & bit) != 0) note_twice(worker, taker, part->ids[i]);\n",
          "        if ((*word & bit) != 0 && taker == 0) "
          "note_twice(worker, taker, part->ids[i]);\n"),
]
