# SPDX-License-Identifier: Apache-2.0
"""Deliberate faults: in `file`, `old` stands once and becomes `new`. Each is a thought gone wrong.

tools/sabotage puts them into a copy of the tree, one after another, and something must notice.
"""
import dataclasses


@dataclasses.dataclass
class Fault:
    name: str
    file: str
    old: str
    new: str


FAULTS = [
    Fault("a give-back is conditional on the epoch only", "src/range/apply.c",
          "if (!exists(record) || record->tag != ask->lease || record->epoch != ask->epoch) {",
          "if (!exists(record) || record->epoch != ask->epoch) {"),
    Fault("a new epoch is published without dropping the old stock", "src/range/keeper_errand.c",
          "if (kept->epoch != 0 && kept->epoch != grant->epoch) {",
          "if (kept->epoch == UINT64_MAX) {"),
    Fault("a check that finds a new epoch keeps the old stock", "src/range/keeper_errand.c",
          "if (kept->epoch != 0 && kept->epoch != ask->grant.epoch) {",
          "if (kept->epoch == UINT64_MAX) {"),
    Fault("the floor is not sent", "src/range/keeper_errand.c",
          "    kept->errand_ask.floor = floor;",
          "    kept->errand_ask.floor = (struct pawl_mark){floor.line - floor.line, 0, 0};"),
    Fault("the floors of those who wait are not passed on", "src/range/keeper_errand.c",
          "        if (ask->floor.line == 0) continue;",
          "        if (ask->floor.line != UINT64_MAX) continue;"),
    Fault("a floor counts in its epoch only, not in its line", "src/range/apply.c",
          "if (ask->floor.line < record->line) return true;",
          "if (ask->floor.line < record->epoch) return true;"),
    Fault("the record does not heed floors", "src/range/apply.c",
          "    return move_beyond_floor(record, next, ask, moment);",
          "    return moment != NULL || move_beyond_floor(record, next, ask, moment);"),
    Fault("a move beyond a floor counts from the record, not from the floor", "src/range/apply.c",
          "skip(next, (uint64_t)ahead + margin)",
          "skip(next, margin < 100 ? margin : 1)"),
    Fault("answers are not judged", "src/range/keeper_errand.c",
          "    if (!back && !late) return true;",
          "    if (back || late || !back) return true;"),
    Fault("an answer is judged against an empty floor", "src/range/keeper_errand.c",
          "    bool back = grant->line < ask->floor.line ||",
          "    bool back = ask->floor.line == UINT64_MAX && grant->line < ask->floor.line &&"),
    Fault("what is given back is kept as well", "src/range/keeper_errand.c",
          "    kept->reserve_count = at; /* what lies before the tail has a hole behind it */\n"
          "    pawl_kept_burn_all(kept, PAWL_CAUSE_NOT_KEPT);\n",
          "    pawl_kept_burn(kept, 0, PAWL_CAUSE_NOT_KEPT);\n"),
    Fault("the floor does not fall with what is given back", "src/range/keeper_errand.c",
          "    kept->top = first == kept->run_first ? kept->run_before",
          "    if (kept->lap == UINT64_MAX)\n"
          "        kept->top = first == kept->run_first ? kept->run_before"),
    Fault("a change does not take the stock back first", "src/range/keeper.c",
          "if (pawl_kept_held(kept) > 0 && pawl_errand_return(kept)) return;\n"
          "    /* With nothing left",
          "/* With nothing left"),
    Fault("lanes are not told of a new epoch", "src/range/keeper_hold.c",
          "    pawl_stock_stamp(kept->holding.stock); /* lanes let go of theirs */\n",
          ""),
    Fault("a lease is cut below its asker's floor", "src/range/keeper_serve.c",
          "        *skip = steps(first.id, floor->id, kept->increment) + 1;",
          "        *skip = 0;"),
    Fault("a lease is taken back after the stock moved past it", "src/range/keeper_hold.c",
          "    if (published) kept->lease_count = 0; /*",
          "    if (published && kept->lap == UINT64_MAX) kept->lease_count = 0; /*"),
    Fault("a lease of the old epoch is taken back into the new one", "src/range/keeper_errand.c",
          "    kept->lease_count = 0; /* of the epoch that it ended */\n", ""),
    Fault("a lease is taken back twice", "src/range/keeper_serve.c",
          "    kept->lease_count = keep;\n",
          "    kept->lease_count += keep - keep;\n"),
    Fault("a run is served around the stock", "src/range/keeper_serve.c",
          "        hand_out(kept, ask, pawl_kept_cut(kept, 0, 0, ask->count));",
          "        at = kept->reserve_count - 1;\n"
          "        hand_out(kept, ask, pawl_kept_cut(kept, at, 0, ask->count));"),
    Fault("the rest of a batch for ORDER GLOBAL is handed out later", "src/range/keeper_serve.c",
          "    pawl_kept_burn(kept, rest.range.count, PAWL_CAUSE_EXACT);\n}",
          "    if (rest.range.count > 0) (void)pawl_kept_add(kept, rest);\n}"),
    Fault("callers of ORDER GLOBAL join a batch that was sent", "src/range/keeper_receive.c",
          "wait_in(kept, ask->kind == PAWL_ASK_OPEN ? &kept->opens : &kept->nexts, ask);",
          "if (ask->kind == PAWL_ASK_NEXT && kept->batch.first != NULL) {\n"
          "        struct pawl_ask *rest = kept->batch.first;\n"
          "        kept->batch = (struct pawl_asks){NULL, NULL};\n"
          "        pawl_asks_add(&kept->batch, ask);\n"
          "        for (struct pawl_ask *next; rest != NULL; rest = next) {\n"
          "            next = rest->next;\n"
          "            pawl_asks_add(&kept->batch, rest);\n"
          "        }\n"
          "        return;\n"
          "    }\n"
          "    wait_in(kept, ask->kind == PAWL_ASK_OPEN ? &kept->opens : &kept->nexts, ask);"),
    Fault("a cycling sequence turns without a new lap", "src/range/record.c",
          "    record->lap++;\n", ""),
    Fault("a turn begins at START", "src/range/record.c",
          "    pawl_record_put(record, record->increment > 0 ? record->min : record->max);",
          "    pawl_record_put(record, record->start);"),
    Fault("a change keeps the version", "src/range/apply_own.h",
          "    next->changed_at = moment->wall_s;\n",
          "    next->changed_at = moment->wall_s;\n    next->version--;\n"),
    Fault("a fence keeps the epoch", "src/range/apply.c",
          "    if (draw_epoch(&next, ask->line, moment, &ask->error) != PAWL_OK) return false;\n",
          ""),
    Fault("a backward SET keeps the line", "src/range/apply.c",
          "    if (behind) begin_line(&next);\n", ""),
    Fault("what an error may have burned is not counted", "src/range/keeper_errand.c",
          "        pawl_count_add(&kept->keeper->counts.burned[PAWL_CAUSE_LOST], ask->burned);\n",
          ""),
    Fault("a failed refill is never tried again", "src/range/keeper_errand.c",
          "    kept->retry_ns = keeper->now_ns + delay / 2 +",
          "    kept->retry_ns = UINT64_MAX / 2 + keeper->now_ns + delay / 2 +"),
    Fault("an exact take hands out more than a slot has", "src/range/stock.c",
          "        if (rest.count < count) return false;\n", ""),
    Fault("an exact take draws without compare-and-set", "src/range/stock.c",
          "        if (atomic_compare_exchange_strong_explicit(&stock->word, &word, word + count,\n"
          "                                                    memory_order_seq_cst, "
          "memory_order_relaxed)) {\n",
          "        atomic_store(&stock->word, word + count);\n        if (true) {\n"),
    Fault("a step to the next slot without compare-and-set", "src/range/stock.c",
          "    while (word >> PAWL_STOCK_OFFSET_BITS == number &&\n"
          "           !atomic_compare_exchange_weak_explicit(&stock->word, &word, "
          "word_at(number + 1, 0),\n"
          "                                                  memory_order_acq_rel, "
          "memory_order_relaxed)) {\n    }",
          "    if (word >> PAWL_STOCK_OFFSET_BITS == number) {\n"
          "        atomic_store(&stock->word, word_at(number + 1, 0));\n    }"),
    Fault("a retract without compare-and-set", "src/range/stock.c",
          "    while (word < end &&\n"
          "           !atomic_compare_exchange_weak_explicit(&stock->word, &word, end, "
          "memory_order_seq_cst,\n"
          "                                                  memory_order_acquire)) {\n    }",
          "    if (word < end) atomic_store(&stock->word, end);"),
    Fault("a client keeps the bytes of a broken connection", "src/client/remote.c",
          "    remote->input_size = 0;\n    remote->answered_count",
          "    remote->answered_count"),
    Fault("a client gives back on another connection", "src/client/fleet.c",
          "    } else if (pawl_remote_connection(fleet->servers[lease->server].remote) "
          "!= lease->connection) {",
          "    } else if (lease->connection == UINT64_MAX) {"),
    Fault("a client gives back what is not its latest lease", "src/client/fleet.c",
          "    if (lease == NULL || lease->ticket == 0 || lease->ticket != errand->above->lease) {",
          "    if (lease == NULL || lease->ticket == 0) {"),
    Fault("a client asks another server after a lost answer", "src/client/fleet.c",
          "    return ask->error.code == PAWL_BUSY || ask->error.code == PAWL_STORE ||",
          "    return ask->error.code == PAWL_BUSY || ask->error.code == PAWL_LOST ||"),
    Fault("a server takes back from somebody else", "src/range/keeper_serve.c",
          "        if (lease->asker != ask->asker) return none;\n", ""),
    Fault("a server answers a run with its first id", "src/server/resp/resp.c",
          "pawl_id_at(ids.first, ids.increment, ids.count - 1));\n", "ids.first);\n"),
    Fault("a server leases the lap it is in, whatever lap the ids are of",
          "src/range/keeper_serve.c",
          "        .lap = cut.lap,\n", "        .lap = kept->lap,\n"),
    Fault("a server forgets to answer those who ask for the epoch", "src/range/keeper_errand.c",
          "    pawl_kept_serve_checks(kept, &ask->error);\n",
          "    if (ask->error.code != PAWL_OK) pawl_kept_serve_checks(kept, &ask->error);\n"),
    Fault("a store in memory answers an unknown name with an empty record", "src/store/memory.c",
          "        insert(&memory->root, node);\n", "        free(node);\n"),
    Fault("a network store grants from what it remembers", "src/store/records_work.c",
          "        ask->grant.range.first = (int64_t)(ask->grant.range.first + shift);\n",
          "        ask->grant.range.first = (int64_t)(ask->grant.range.first + 0 * shift);\n"),
    Fault("a network store takes a refused write for its own", "src/store/records_work.c",
          "    if (op->found.tag == op->record.tag && op->found.epoch != 0) {",
          "    if (op->found.epoch != 0) {"),
    Fault("a network store forgets what a lost answer may have burned",
          "src/store/records_work.c", "        ask->burned = burned;\n",
          "        ask->burned = burned - burned;\n"),
    Fault("a network store believes any answer to an advance", "src/store/records_work.c",
          "        found->tag != op->record.tag || start < op->low || start > op->high) {",
          "        found->tag == 0) {"),
    Fault("a network store advances past the definition's end", "src/store/records_work.c",
          "    op->high = clamp(high);", "    op->high = INT64_MAX;"),
    Fault("a network store advances without the askers' floors", "src/store/records_work.c",
          "        if (up && low <= ask->floor.id) low = (pawl_wide)ask->floor.id + 1;\n", ""),
    Fault("a change in doubt was always made", "src/store/records_work.c",
          "        if (op->found.epoch == op->record.epoch && "
          "op->expected.epoch != op->record.epoch) {",
          "        if (op->record.epoch != 0) {"),
    Fault("a change that fails while in doubt was not made", "src/store/records_work.c",
          "        if (in_doubt(work)) {\n            ask_after_change(work);\n        } else {\n",
          "        if (!in_doubt(work)) {\n            ask_after_change(work);\n"
          "        } else {\n"),
    Fault("a give-back without an answer counts as taken", "src/store/records_work.c",
          "        pawl_work_fail(work, PAWL_NOT_KEPT, "
          "\"the answer is lost: the ids stay burned\");",
          "        pawl_work_answer(work);"),
    Fault("a network store's error is one from memory", "src/store/records_work.c",
          "    } else if (work->fresh) {", "    } else if (work->entry->known) {"),
    Fault("a rename's tombstone forgets how far the sequence had come", "src/range/rename.c",
          "    next.moved_to = target->name;\n",
          "    next.moved_to = target->name;\n    pawl_record_put(&next, next.start);\n"),
    Fault("a rename's target does not begin beyond its own last epoch", "src/range/rename.c",
          "    if (draw_epoch(&next, target->epoch, moment, error) != PAWL_OK) "
          "return PAWL_SETTLE_FAILED;\n    next.line",
          "    if (draw_epoch(&next, 0, moment, error) != PAWL_OK) "
          "return PAWL_SETTLE_FAILED;\n    next.line"),
    Fault("a rename keeps the line that its holders know", "src/range/rename.c",
          "    next.line = next.epoch;\n    next.lap = 0;\n", ""),
    Fault("a rename that was begun is completed by nobody", "src/store/records_work.c",
          "    if (unsettled) {\n        pawl_settle_own(work);\n        return;\n    }\n", ""),
    Fault("a rename's tombstone has decided for any arrival", "src/range/rename.c",
          "\"renamed %\" PRIx64, target->epoch);", "\"renamed %\" PRIx64, target->epoch * 0);"),
    Fault("a rename is settled by a target read before", "src/store/records_rename.c",
          "    if (left_decided(work)) {\n        look(work);",
          "    if (left_decided(work)) {\n        step(work);"),
    Fault("setval counts its id as free", "src/range/record.c",
          "    pawl_wide next = (pawl_wide)id + record->increment;\n\n    record->ended",
          "    pawl_wide next = (pawl_wide)id;\n\n    record->ended"),
    Fault("what is counted was all used in the present window", "src/range/pace.c",
          "    if (now_ns > from_ns) {",
          "    if (now_ns > from_ns && ids == UINT64_MAX) {"),
]
