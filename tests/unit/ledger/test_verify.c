/* Each way of lying to a ledger is tried on a copy, and found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger/internal.h"
#include "ledger_fixture.h"
#include <stdlib.h>

struct proof {
    struct ledger_fixture f;
    char clean[160], work[160]; /* a whole copy of the busy day; where it is spoilt */
    struct buf bytes;           /* of the clean copy */
    struct ledger_report report;
    int rc;
    struct ledger_op *op;
};

static CO_FN int back_up(void *arg)
{
    struct proof *p = arg;
    return ledger_co_backup(p->f.l, p->clean);
}

static WORKER_FN int make_copy(struct proof *p)
{
    int rc = fixture_open(&p->f);
    if (!rc)
        rc = fixture_busy_day(&p->f);
    if (!rc)
        rc = fixture_outside(&p->f);
    (void)fixture_path(&p->f, "clean.db", p->clean);
    (void)fixture_path(&p->f, "work.db", p->work);
    if (!rc)
        rc = fixture_flow(&p->f, back_up, p);
    fixture_stop(&p->f);
    buf_init(&p->bytes, 0);
    return rc ? rc : file_read(p->clean, &p->bytes);
}

static int setup(void **state)
{
    ROLE_ENTER_WORKER();
    struct proof *p = calloc(1, sizeof *p);
    if (!p)
        return -1;
    *state = p;
    p->op = calloc(1, sizeof *p->op);
    return p->op ? make_copy(p) : -1;
}

static int teardown(void **state)
{
    ROLE_ENTER_WORKER();
    struct proof *p = *state;
    buf_fini(&p->bytes);
    fixture_close(&p->f);
    free(p->op);
    free(p);
    return 0;
}

static WORKER_FN void remove_work(const struct proof *p)
{
    char name[176];
    (void)snprintf(name, sizeof name, "%s-wal", p->work);
    (void)remove(name);
    (void)snprintf(name, sizeof name, "%s-shm", p->work);
    (void)remove(name);
    (void)remove(p->work);
}

/* A fresh copy, opened to be spoilt. */
static WORKER_FN struct db *fresh(struct proof *p)
{
    struct db *db = NULL;
    remove_work(p);
    assert_int_equal(file_write_atomic(p->work, p->bytes.data, p->bytes.len, 0600), 0);
    assert_int_equal(db_open(p->work, DB_WRITE, &db), 0);
    return db;
}

static WORKER_FN int prove(struct proof *p, const char *path)
{
    memset(&p->report, 0, sizeof p->report);
    return ledger_verify_file(path, p->f.key, NULL, NULL, &p->report);
}

/* ---- what is sound ---- */

static void R6_refusal_of_a_negative_amount_is_no_fault(void **state)
{
    ROLE_ENTER_WORKER();
    struct proof *p = *state;
    assert_int_equal(fixture_start(&p->f), 0);
    struct op_refusal *r = &fixture_op(&p->f, LOP_REFUSAL)->refusal;
    (void)snprintf(r->terminal, sizeof r->terminal, "T1");
    r->reason = OC_R_PARAMETER;
    r->amount = -5;
    assert_int_equal(fixture_do(&p->f), 0);
    fixture_stop(&p->f);
    assert_int_equal(prove(p, p->f.path), 0);
    assert_string_equal(p->report.first_fault, "");
}

static void sound_ledger_verifies(void **state)
{
    ROLE_ENTER_WORKER();
    struct proof *p = *state;
    assert_int_equal(prove(p, p->clean), 0);
    assert_string_equal(p->report.first_fault, "");
    assert_int_equal(p->report.faults, 0);
    assert_int_equal(p->report.cards, FIXTURE_CARDS);
    assert_int_equal(p->report.txns, 10);
    assert_int_equal(p->report.open_txns, 3);
    assert_true(p->report.ops > 20);
    struct db *db = NULL;
    struct db_q q;
    uint8_t mac[32];
    assert_int_equal(db_open(p->clean, DB_READ, &db), 0);
    db_q(&q, db, "SELECT mac FROM journal ORDER BY seq DESC LIMIT 1");
    assert_true(db_row(&q));
    db_get_fixed(&q, mac, sizeof mac);
    assert_int_equal(db_end(&q), 0);
    db_close(&db);
    assert_memory_equal(p->report.head, mac, sizeof mac);
}

static void ledger_at_rest_with_its_log_verifies(void **state)
{
    ROLE_ENTER_WORKER();
    struct proof *p = *state;
    assert_int_equal(prove(p, p->f.path), 0);
    assert_string_equal(p->report.first_fault, "");
    assert_int_equal(p->report.txns, 10);
}

static void proof_leaves_nothing_beside_the_file(void **state)
{
    ROLE_ENTER_WORKER();
    struct proof *p = *state;
    unsigned before = fixture_files(&p->f);
    assert_int_equal(prove(p, p->clean), 0);
    assert_int_equal(fixture_files(&p->f), before);
}

struct steps {
    int64_t last, all;
    unsigned calls;
};

static void on_step(void *arg, int64_t done, int64_t all)
{
    struct steps *s = arg;
    s->calls++;
    s->last = done;
    s->all = all;
}

static void progress_ends_at_all(void **state)
{
    ROLE_ENTER_WORKER();
    struct proof *p = *state;
    struct steps s = {0};
    assert_int_equal(ledger_verify_file(p->clean, p->f.key, on_step, &s, &p->report), 0);
    assert_true(s.calls >= 1);
    assert_int_equal(s.last, s.all);
    assert_int_equal(s.all, 2 * p->report.ops);
}

static CO_FN int prove_at_work(void *arg)
{
    struct proof *p = arg;
    p->rc = ledger_co_verify(p->f.l, &p->report);
    return p->rc;
}

static CO_FN int write_on(void *arg)
{
    struct proof *p = arg;
    struct ledger_op *op = arena_alloc(flow_arena(), sizeof *op);
    int rc = op ? 0 : OC_ENOMEM;
    for (unsigned i = 0; !rc && i < 200; i++) {
        memset(op, 0, sizeof *op);
        op->type = LOP_EVENT;
        (void)snprintf(op->who, sizeof op->who, "tester");
        (void)snprintf(op->event.item.kind, sizeof op->event.item.kind, "note");
        rc = ledger_co_submit(p->f.l, op);
    }
    return rc;
}

static CO_FN int prove_while_writing(void *arg)
{
    struct flow *writer;
    int result = 0;
    int rc = flow_start(flow_loop(), "writer", write_on, arg, &writer);
    if (rc)
        return rc;
    rc = prove_at_work(arg);
    int joined = flow_co_join(writer, &result, FLOW_FOREVER);
    flow_put(writer);
    return rc ? rc : joined ? joined : result;
}

static void ledger_at_work_is_proved_while_it_goes_on(void **state)
{
    ROLE_ENTER_WORKER();
    struct proof *p = *state;
    assert_int_equal(fixture_start(&p->f), 0);
    unsigned before = fixture_files(&p->f);
    assert_int_equal(fixture_flow(&p->f, prove_while_writing, p), 0);
    assert_string_equal(p->report.first_fault, "");
    assert_int_equal(p->report.faults, 0);
    assert_int_equal(fixture_files(&p->f), before);
}

/* ---- what is not ---- */

struct lie {
    const char *sql, *found; /* what was done; words of the first fault */
};

static WORKER_FN void try_lie(struct proof *p, const struct lie *lie)
{
    struct db *db = fresh(p);
    assert_int_equal(db_exec(db, lie->sql), 0);
    db_close(&db);
    int rc = prove(p, p->work);
    if (rc || !p->report.faults || !strstr(p->report.first_fault, lie->found))
        fail_msg("after: %s\n  result %d, faults %u, \"%s\", wanted \"%s\"", lie->sql, rc,
                 p->report.faults, p->report.first_fault, lie->found);
}

static void changed_row_of_any_table_is_found_by_table_row_and_column(void **state)
{
    ROLE_ENTER_WORKER();
    static const struct lie lies[] = {
        {"UPDATE site SET city_offset_min = 479", "table site, row 5, column city_offset_min"},
        {"UPDATE site SET last_txn = last_txn + 1", "table site, row 5, column last_txn"},
        {"UPDATE participant SET load_quota = load_quota * 10 WHERE id = 'P2'",
         "table participant, row 5,P2, column load_quota: differs from the replay (1000000 instead "
         "of 100000)"},
        {"UPDATE terminal SET services = '' WHERE id = 'T3'",
         "table terminal, row 5,T3, column services"},
        {"UPDATE sam SET next_seq = next_seq - 1 WHERE terminal = 'T1'", "column next_seq"},
        {"DELETE FROM sam_history", "table sam_history, row 5,000000000001,"},
        {"UPDATE key SET revoked = 1", "table key, row 5,1,0,1,0000000000000000, column revoked"},
        {"UPDATE citizen SET sealed = zeroblob(39)", "table citizen, row 5,C1, column sealed"},
        {"UPDATE card SET ceiling = 0 WHERE number = '8800001'", "column ceiling"},
        {"UPDATE card_app SET to_day = 20401231", "table card_app, row 5,"},
        {"UPDATE denylist SET why = 'lost'", "column why"},
        {"UPDATE account SET floor = -200000 WHERE kind = 5 AND owner = 'P1'",
         "table account, row 5,5,P1, column floor"},
        {"UPDATE txn SET amount = amount + 1 WHERE state = 3", "column amount"},
        {"UPDATE record SET doc = '{\"rides\":0}'",
         "table record, row 5,transit,card:1,month, column doc"},
        {"UPDATE event SET text = '' WHERE seq = 1", "table event, row 5,1"},
        {"UPDATE day SET closed_ms = closed_ms + 1 WHERE state = 3",
         "table day, row 5,20250306, column closed_ms"},
        {"UPDATE day SET manifest = zeroblob(32) WHERE state = 3", "column manifest"},
        {"UPDATE hold SET amount = 1 WHERE state = 5",
         "column amount: differs from the replay (1 instead of 500)"},
        {"UPDATE hold SET reference = 'R-2' WHERE state = 5", "column reference"},
        {"UPDATE outbox SET state = 1 WHERE state = 3", "table outbox, row "},
        {"UPDATE outbox SET doc = '{\"n\":1}' WHERE state = 3", "column doc"},
        {"UPDATE participant_key SET key = zeroblob(32)",
         "table participant_key, row 5,P2, column key"},
        {"UPDATE citizen SET erased = 0 WHERE id = 'C9'", "table citizen, row 5,C9, column erased"},
        {"UPDATE site SET last_message = 0", "column last_message"},
    };
    struct proof *p = *state;
    for (size_t i = 0; i < ARRAY_LEN(lies); i++)
        try_lie(p, &lies[i]);
}

static void row_too_many_or_too_few_is_found(void **state)
{
    ROLE_ENTER_WORKER();
    static const struct lie lies[] = {
        {"DELETE FROM txn WHERE state = 3", "table txn"},
        {"DELETE FROM event WHERE seq = (SELECT max(seq) FROM event)", "missing"},
        {"INSERT INTO participant VALUES (5, 'P3', 'Ghosts Ltd', 0, 0)",
         "table participant, row 5,P3: the replay does not make it"},
        {"INSERT INTO record VALUES (5, 'a', 'a', 'a', 1, 0, '{}')",
         "table record: row 5,a,a,a where the replay has row 5,transit,card:1,month"},
        {"INSERT INTO account VALUES (5, 4, 'P9', 0, 0, 0, 0, 0)", "table account"},
    };
    struct proof *p = *state;
    for (size_t i = 0; i < ARRAY_LEN(lies); i++)
        try_lie(p, &lies[i]);
}

/* The same sum on both sides: the books balance and only the replay knows. */
static void R1_money_moved_between_purses_is_found(void **state)
{
    ROLE_ENTER_WORKER();
    static const struct lie lie = {"UPDATE card SET purse_credits = purse_credits + CASE number "
                                   "WHEN '8800000' THEN 100 ELSE -100 END "
                                   "WHERE number IN ('8800000', '8800001')",
                                   "column purse_credits: differs from the replay"};
    try_lie(*state, &lie);
}

static void journal_changed_cut_or_reordered_is_found(void **state)
{
    ROLE_ENTER_WORKER();
    static const struct lie lies[] = {
        {"UPDATE journal SET op = zeroblob(40) WHERE seq = 7", "journal row 7: its MAC is wrong"},
        {"UPDATE journal SET op = CAST(replace(op, 'P1', 'P2') AS BLOB) WHERE seq = 4",
         "journal row 4: its MAC is wrong"},
        {"UPDATE journal SET mac = zeroblob(32) WHERE seq = 9", "journal row 9: its MAC is wrong"},
        {"UPDATE journal SET shard = 6 WHERE seq = 9", "journal row 9: missing"},
        {"DELETE FROM journal WHERE seq = 6", "journal row 6: missing"},
        {"DELETE FROM journal WHERE seq = 1", "journal row 1: missing"},
        {"DELETE FROM journal WHERE seq = (SELECT max(seq) FROM journal)",
         "the journal ends at row"},
        {"DELETE FROM journal WHERE seq > 3", "the journal ends at row 3, its head says"},
        {"DELETE FROM journal WHERE seq > 3; DELETE FROM head", "the journal's head is missing"},
        {"DELETE FROM journal WHERE seq > 3; UPDATE head SET seq = 3, mac = (SELECT mac FROM "
         "journal WHERE seq = 3)",
         "the journal's head was changed"},
        {"DELETE FROM journal", "the journal is empty"},
        {"UPDATE journal SET seq = CASE seq WHEN 5 THEN -6 WHEN 6 THEN -5 ELSE seq END; UPDATE "
         "journal SET seq = -seq WHERE seq < 0",
         "journal row 5: its MAC is wrong"},
        {"INSERT INTO journal SELECT shard, seq + 1, op, mac FROM journal ORDER BY seq DESC LIMIT "
         "1",
         "its MAC is wrong"},
        {"UPDATE head SET tag = zeroblob(32)", "the journal's head was changed"},
    };
    struct proof *p = *state;
    for (size_t i = 0; i < ARRAY_LEN(lies); i++)
        try_lie(p, &lies[i]);
}

/* ---- two lives of one ledger: a copy that was put to work beside the original ---- */

struct life {
    char path[160];
    int64_t end; /* its journal's last row */
    struct buf op;
    uint8_t mac[32]; /* of the row before the last, as `op` */
};

static WORKER_FN void note(struct proof *p, const char *text)
{
    struct ledger_op *op = fixture_op(&p->f, LOP_EVENT);
    (void)snprintf(op->event.item.kind, sizeof op->event.item.kind, "note");
    (void)snprintf(op->event.item.text, sizeof op->event.item.text, "%s", text);
    assert_int_equal(fixture_do(&p->f), 0);
}

static WORKER_FN void live(struct proof *p, struct life *l, const char *name)
{
    struct db *db = NULL;
    struct db_q q;
    size_t len;
    const char *own = p->f.opts.path;
    buf_init(&l->op, 0);
    fixture_stop(&p->f);
    (void)fixture_path(&p->f, name, l->path);
    assert_int_equal(file_write_atomic(l->path, p->bytes.data, p->bytes.len, 0600), 0);
    p->f.opts.path = l->path;
    assert_int_equal(fixture_start(&p->f), 0);
    note(p, name);
    note(p, "the same in both");
    fixture_stop(&p->f);
    p->f.opts.path = own;
    assert_int_equal(db_open(l->path, DB_READ, &db), 0);
    db_q(&q, db, "SELECT seq, op, mac FROM journal ORDER BY seq DESC LIMIT 2");
    assert_true(db_row(&q));
    l->end = db_get_i64(&q);
    assert_true(db_row(&q));
    db_skip(&q);
    const void *op = db_get_blob(&q, &len);
    buf_put(&l->op, op, len);
    db_get_fixed(&q, l->mac, sizeof l->mac);
    assert_int_equal(db_end(&q), 0);
    db_close(&db);
}

/* The other life's row with its MAC, and what it makes of the tables. */
static WORKER_FN void splice(const struct life *into, const char *ours, const struct life *from,
                             const char *theirs)
{
    struct db *db = NULL;
    struct db_q q;
    assert_int_equal(db_open(into->path, DB_WRITE, &db), 0);
    db_q(&q, db, "UPDATE journal SET op = ?1, mac = ?2 WHERE seq = ?3");
    db_put_blob(&q, from->op.data, from->op.len);
    db_put_blob(&q, from->mac, sizeof from->mac);
    db_put_i64(&q, into->end - 1);
    assert_int_equal(db_end(&q), 0);
    db_q(&q, db, "UPDATE event SET text = ?1 WHERE text = ?2");
    db_put_text(&q, theirs);
    db_put_text(&q, ours);
    assert_int_equal(db_end(&q), 0);
    assert_int_equal(db_changes(db), 1);
    db_close(&db);
}

static void R6_row_of_another_life_of_the_same_ledger_is_found(void **state)
{
    ROLE_ENTER_WORKER();
    struct proof *p = *state;
    struct life one, other;
    char found[80];
    live(p, &one, "one.db");
    live(p, &other, "other.db");
    assert_int_equal(one.end, other.end);
    assert_memory_not_equal(one.mac, other.mac, sizeof one.mac);
    assert_int_equal(prove(p, one.path), 0);
    assert_string_equal(p->report.first_fault, "");
    splice(&one, "one.db", &other, "other.db");
    assert_int_equal(prove(p, one.path), 0);
    (void)snprintf(found, sizeof found, "journal row %lld: its MAC is wrong", (long long)one.end);
    assert_non_null(strstr(p->report.first_fault, found));
    assert_int_equal(p->report.faults, 1);
    buf_fini(&one.op);
    buf_fini(&other.op);
}

/* Both journal and tables cut back together to the same day: the head knows. */
static void R6_journal_and_tables_cut_back_alike_are_found(void **state)
{
    ROLE_ENTER_WORKER();
    static const struct lie lie = {"DELETE FROM journal WHERE seq = (SELECT max(seq) FROM journal);"
                                   "DELETE FROM txn WHERE id = (SELECT max(id) FROM txn)",
                                   "its head says"};
    try_lie(*state, &lie);
}

static void another_key_is_found(void **state)
{
    ROLE_ENTER_WORKER();
    struct proof *p = *state;
    uint8_t key[32] = {1};
    assert_int_equal(ledger_verify_file(p->clean, key, NULL, NULL, &p->report), 0);
    assert_true(p->report.faults >= (unsigned)p->report.ops);
    assert_non_null(strstr(p->report.first_fault, "journal row 1: its MAC is wrong"));
}

/* Books are asked even where the journal is broken, and say what a replay alone would not. */
static WORKER_FN void try_books(struct proof *p, const char *sql, const char *rule)
{
    struct db *db = fresh(p);
    assert_int_equal(db_exec(db, "UPDATE journal SET mac = zeroblob(32) WHERE seq = 2"), 0);
    db_close(&db);
    assert_int_equal(prove(p, p->work), 0);
    unsigned without = p->report.faults;
    db = fresh(p);
    assert_int_equal(db_exec(db, "UPDATE journal SET mac = zeroblob(32) WHERE seq = 2"), 0);
    assert_int_equal(db_exec(db, sql), 0);
    db_close(&db);
    assert_int_equal(prove(p, p->work), 0);
    if (p->report.faults <= without)
        fail_msg("not found: %s (%s)", rule, sql);
}

static void books_that_do_not_hold_are_found(void **state)
{
    ROLE_ENTER_WORKER();
    static const struct lie lies[] = {
        {"UPDATE account SET credits_posted = credits_posted + 1 WHERE kind = 4 AND owner = 'P1'",
         "sum posted"},
        {"UPDATE account SET debits_pending = debits_pending + 1 WHERE kind = 4 AND owner = 'P1'",
         "sum pending"},
        {"UPDATE day SET loads = loads + 1 WHERE state = 1", "float"},
        {"UPDATE day SET float_closing = float_closing + 1 WHERE state = 3", "roll"},
        {"UPDATE day SET float_opening = float_opening + 1, adjustments = adjustments - 1 WHERE "
         "state = 1",
         "opening"},
        {"UPDATE day SET state = 2 WHERE state = 1", "open day"},
        {"UPDATE day SET chain_head = zeroblob(32) WHERE state = 3", "chain head"},
        {"UPDATE txn SET card = (SELECT card FROM txn WHERE state = 1) WHERE state = 4",
         "two open"},
        {"UPDATE card SET open_txn = 1 WHERE open_txn = 0", "open of card"},
        {"UPDATE card SET open_txn = 0 WHERE number = '8800000'", "open not named"},
        {"UPDATE txn SET clearing_date = 20200101 WHERE state = 2", "clearing date"},
        {"UPDATE txn SET outcome_seq = 0 WHERE state = 4", "outcome"},
        {"UPDATE txn SET refunded = refunded - 1 WHERE refunded > 0", "refunded"},
        {"UPDATE card SET deny_action = 1 WHERE number = '8800001'", "deny mirror"},
        {"UPDATE terminal SET sam = (SELECT sam FROM terminal WHERE id = 'T1') WHERE id = 'T2'",
         "SAM"},
        {"UPDATE account SET credits_posted = 9223372036854775807", "overflow"},
        {"UPDATE hold SET state = 6 WHERE state = 5", "hold confirmed, message due"},
        {"UPDATE hold SET state = 5 WHERE state = 1", "hold due, transaction open"},
        {"DELETE FROM outbox WHERE kind = 'confirm'", "hold due, no message"},
        {"DELETE FROM hold WHERE state = 1", "hold missing"},
        {"UPDATE txn SET hold = 0 WHERE hold = 1", "hold of no transaction"},
        {"INSERT INTO citizen_key VALUES (5, 'C9', 1, x'00', 0)", "erased key"},
        {"UPDATE card SET open_txn = (SELECT txn FROM hold WHERE state = 1) WHERE number = "
         "'8800002'",
         "open of card, by the books' hold"},
    };
    struct proof *p = *state;
    for (size_t i = 0; i < ARRAY_LEN(lies); i++)
        try_books(p, lies[i].sql, lies[i].found);
}

static void trigger_or_table_slipped_in_is_found(void **state)
{
    ROLE_ENTER_WORKER();
    static const struct lie lies[] = {
        {"CREATE TRIGGER t AFTER UPDATE ON card BEGIN UPDATE card SET ceiling = 0; END",
         "the schema differs"},
        {"CREATE TABLE zebra (a INTEGER) STRICT", "the schema differs"},
        {"DROP INDEX card_number", "the schema differs"},
    };
    struct proof *p = *state;
    for (size_t i = 0; i < ARRAY_LEN(lies); i++)
        try_lie(p, &lies[i]);
}

/* ---- operations that carry the right MAC and do not fit: a fault of our own, or a stolen key ----
 */

static WORKER_FN void append(struct proof *p, struct db *db)
{
    struct chain chain;
    struct db_q q;
    struct buf b;
    uint8_t mac[32], tag[32];
    assert_int_equal(chain_init(&chain, p->f.key), 0);
    db_q(&q, db, "SELECT seq, mac FROM head");
    assert_true(db_row(&q));
    int64_t seq = db_get_i64(&q) + 1;
    db_get_fixed(&q, mac, sizeof mac);
    assert_int_equal(db_end(&q), 0);
    buf_init(&b, 0);
    op_encode(p->op, &b);
    assert_int_equal(chain_mac(&chain, mac, FIXTURE_SHARD, seq, (struct bytes){b.data, b.len}, mac),
                     0);
    assert_int_equal(chain_tag(&chain, FIXTURE_SHARD, seq, mac, tag), 0);
    db_q(&q, db, "INSERT INTO journal VALUES (?1, ?2, ?3, ?4)");
    db_put_i64(&q, FIXTURE_SHARD);
    db_put_i64(&q, seq);
    db_put_blob(&q, b.data, b.len);
    db_put_blob(&q, mac, sizeof mac);
    assert_int_equal(db_end(&q), 0);
    db_q(&q, db, "UPDATE head SET seq = ?1, mac = ?2, tag = ?3");
    db_put_i64(&q, seq);
    db_put_blob(&q, mac, sizeof mac);
    db_put_blob(&q, tag, sizeof tag);
    assert_int_equal(db_end(&q), 0);
    buf_fini(&b);
    chain_fini(&chain);
}

static WORKER_FN void append_and_prove(struct proof *p)
{
    struct db *db = fresh(p);
    p->op->at_ms = city_ms(FIXTURE_DAY + 2, 0, 480);
    (void)snprintf(p->op->who, sizeof p->op->who, "forger");
    append(p, db);
    db_close(&db);
    assert_int_equal(prove(p, p->work), 0);
    memset(p->op, 0, sizeof *p->op);
}

static void R6_outcome_of_a_final_transaction_does_not_fit(void **state)
{
    ROLE_ENTER_WORKER();
    struct proof *p = *state;
    struct db *db = fresh(p);
    int64_t txn = 0;
    assert_int_equal(db_number(db, "SELECT max(id) FROM txn WHERE state = 2", &txn), 0);
    db_close(&db);
    p->op->type = LOP_OUTCOME;
    p->op->outcome.txn = txn;
    p->op->outcome.to = OC_TXN_VOIDED;
    append_and_prove(p);
    assert_non_null(
        strstr(p->report.first_fault, "its operation (outcome) does not fit the rows before it"));
}

static void intent_whose_legs_do_not_sum_to_zero_is_found(void **state)
{
    ROLE_ENTER_WORKER();
    struct proof *p = *state;
    p->op->type = LOP_INTENT;
    p->op->intent.leg_count = 1;
    p->op->intent.legs[0] = (struct leg){.kind = ACCT_FUND, .owner = "F", .amount = 100};
    append_and_prove(p);
    assert_non_null(strstr(p->report.first_fault, "its legs do not sum to zero"));
}

static void operation_that_the_tables_do_not_show_is_found(void **state)
{
    ROLE_ENTER_WORKER();
    struct proof *p = *state;
    p->op->type = LOP_PARTICIPANT;
    (void)snprintf(p->op->participant.id, sizeof p->op->participant.id, "P7");
    append_and_prove(p);
    assert_true(p->report.faults > 0);
    assert_non_null(strstr(p->report.first_fault, "where the replay has row 5,5,P7"));
}

static void row_back_in_time_is_found(void **state)
{
    ROLE_ENTER_WORKER();
    struct proof *p = *state;
    struct db *db = fresh(p);
    p->op->type = LOP_EVENT;
    p->op->at_ms = 1;
    (void)snprintf(p->op->event.item.kind, sizeof p->op->event.item.kind, "note");
    append(p, db);
    db_close(&db);
    assert_int_equal(prove(p, p->work), 0);
    assert_non_null(strstr(p->report.first_fault, "its time lies before the row above"));
    memset(p->op, 0, sizeof *p->op);
}

/* ---- damaged files ---- */

static WORKER_FN void dump_table(struct db *db, const char *sql, struct buf *out)
{
    struct db_q q;
    db_q(&q, db, sql);
    while (db_row(&q))
        for (int i = 0; i < db_cols(&q); i++)
            db_get_raw(&q, out);
    buf_printf(out, "=%d;", db_end(&q));
}

static WORKER_FN void dump(const char *path, struct buf *out)
{
    static const char *const tables[] = {
        "SELECT * FROM site",        "SELECT * FROM journal",  "SELECT * FROM head",
        "SELECT * FROM participant", "SELECT * FROM terminal", "SELECT * FROM sam",
        "SELECT * FROM sam_history", "SELECT * FROM key",      "SELECT * FROM citizen",
        "SELECT * FROM card",        "SELECT * FROM card_app", "SELECT * FROM denylist",
        "SELECT * FROM account",     "SELECT * FROM txn",      "SELECT * FROM record",
        "SELECT * FROM event",       "SELECT * FROM day",
    };
    struct db *db = NULL;
    buf_init(out, 0);
    if (db_open(path, DB_IMMUTABLE, &db))
        return;
    for (size_t i = 0; i < ARRAY_LEN(tables); i++)
        dump_table(db, tables[i], out);
    db_close(&db);
}

/* A byte changed on the disk is found, or lies where nothing is kept. */
static WORKER_FN bool flip_is_found_or_harmless(struct proof *p, size_t at, uint8_t by,
                                                const struct buf *want)
{
    p->bytes.data[at] ^= by;
    remove_work(p);
    int rc = file_write_atomic(p->work, p->bytes.data, p->bytes.len, 0600);
    p->bytes.data[at] ^= by;
    if (rc)
        return false;
    rc = prove(p, p->work);
    if (rc || p->report.faults)
        return true;
    struct buf have;
    dump(p->work, &have);
    bool same = have.len == want->len && memcmp(have.data, want->data, have.len) == 0;
    buf_fini(&have);
    return same;
}

static void flipped_byte_anywhere_is_found_or_harmless(void **state)
{
    ROLE_ENTER_WORKER();
    struct proof *p = *state;
    struct buf want;
    FILE *null = fopen("/dev/null", "w");
    log_set_stream(null);
    dump(p->clean, &want);
    uint64_t random = 42;
    size_t missed = 0;
    for (unsigned i = 0; i < 400; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        size_t at = (size_t)(random >> 33) % p->bytes.len;
        uint8_t by = (uint8_t)(1u << (random >> 61));
        if (!flip_is_found_or_harmless(p, at, by, &want))
            missed = at;
    }
    log_set_stream(NULL);
    if (null)
        (void)fclose(null);
    buf_fini(&want);
    assert_int_equal(missed, 0);
}

static void what_is_no_ledger_is_an_error(void **state)
{
    ROLE_ENTER_WORKER();
    struct proof *p = *state;
    FILE *null = fopen("/dev/null", "w");
    log_set_stream(null);
    assert_int_equal(prove(p, "/nonexistent/ledger.db"), OC_ENOENT);
    remove_work(p);
    assert_int_equal(file_write_atomic(p->work, "this is a text and no database at all", 37, 0600),
                     0);
    int text = prove(p, p->work);
    struct db *db = fresh(p);
    assert_int_equal(db_exec(db, "PRAGMA user_version = 99"), 0);
    db_close(&db);
    int newer = prove(p, p->work);
    log_set_stream(NULL);
    if (null)
        (void)fclose(null);
    assert_true(text < 0);
    assert_int_equal(newer, OC_EDB_SCHEMA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_ledger_verifies),
        cmocka_unit_test(ledger_at_rest_with_its_log_verifies),
        cmocka_unit_test(proof_leaves_nothing_beside_the_file),
        cmocka_unit_test(progress_ends_at_all),
        cmocka_unit_test(changed_row_of_any_table_is_found_by_table_row_and_column),
        cmocka_unit_test(row_too_many_or_too_few_is_found),
        cmocka_unit_test(R1_money_moved_between_purses_is_found),
        cmocka_unit_test(journal_changed_cut_or_reordered_is_found),
        cmocka_unit_test(R6_journal_and_tables_cut_back_alike_are_found),
        cmocka_unit_test(R6_row_of_another_life_of_the_same_ledger_is_found),
        cmocka_unit_test(another_key_is_found),
        cmocka_unit_test(books_that_do_not_hold_are_found),
        cmocka_unit_test(trigger_or_table_slipped_in_is_found),
        cmocka_unit_test(R6_outcome_of_a_final_transaction_does_not_fit),
        cmocka_unit_test(intent_whose_legs_do_not_sum_to_zero_is_found),
        cmocka_unit_test(operation_that_the_tables_do_not_show_is_found),
        cmocka_unit_test(row_back_in_time_is_found),
        cmocka_unit_test(flipped_byte_anywhere_is_found_or_harmless),
        cmocka_unit_test(what_is_no_ledger_is_an_error),
        cmocka_unit_test(R6_refusal_of_a_negative_amount_is_no_fault),
        cmocka_unit_test(ledger_at_work_is_proved_while_it_goes_on),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
