/* Ledgers that earlier programs wrote. tests/data/ledger-v1.db is one of schema 1 and encodings 1
 * with every kind of operation of its time: a day closed and settled, a backup restored, a record,
 * doubts in transit and in suspense, an intent without outcome; ledger-v1-wal.db has two more
 * operations in a log that no checkpoint has copied. ledger-v2.db and ledger-v2-wal.db are the same
 * of the second version, with a terminal's keys, an authority, and a record that a doubt holds;
 * ledger-v3.db and ledger-v3-wal.db of the third, with holds, messages, a citizen who was erased, and
 * a doubt that holds a record and the place of another.
 * They are never written again: whoever changes schema or encodings adds the ledger of the version
 * before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger/internal.h"
#include "ledger_fixture.h"
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATEMENTS 24

struct old {
    struct ledger_fixture f; /* its folder; its own ledger is put aside */
    char path[96];
    struct ledger_report report;
};

static const struct {
    const char *name;
    int version;
    bool log;
    int64_t ops, txns, keys, open, messages;
} ledgers[] = {{"ledger-v1.db", 1, false, 35, 9, 0, 3, 0},
               {"ledger-v1-wal.db", 1, true, 37, 10, 0, 3, 0},
               {"ledger-v2.db", 2, false, 36, 8, 1, 3, 0},
               {"ledger-v2-wal.db", 2, true, 38, 9, 1, 3, 0},
               {"ledger-v3.db", 3, false, 39, 11, 0, 4, 2},
               {"ledger-v3-wal.db", 3, true, 41, 11, 0, 4, 2}};
#define NEWEST          4
#define NEWEST_ENCODING 4

static const uint8_t key[32] = {[0 ... 31] = 0x77};

static int setup(void **state)
{
    ROLE_ENTER_WORKER();
    log_set_level(LOG_ERROR);
    struct old *o = calloc(1, sizeof *o);
    if (!o)
        return -1;
    *state = o;
    strcpy(o->f.dir, ONECARD_SCRATCH "/onecard-upgrade-XXXXXX");
    return mkdtemp(o->f.dir) ? 0 : -1;
}

static void remove_old(struct old *o)
{
    static const char *const tails[] = {"", "-wal", "-shm", ".lock"};
    char name[160];
    for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
        (void)snprintf(name, sizeof name, "%s%s", o->path, tails[i]);
        (void)unlink(name);
    }
}

static int teardown(void **state)
{
    struct old *o = *state;
    log_set_stream(NULL);
    remove_old(o);
    int rc = rmdir(o->f.dir); /* nothing else was left there */
    free(o);
    return rc;
}

static WORKER_FN void copy_file(const char *from, const char *to)
{
    FILE *in = fopen(from, "r"), *out = fopen(to, "w");
    assert_non_null(in);
    assert_non_null(out);
    static char bytes[4096];
    size_t n;
    while ((n = fread(bytes, 1, sizeof bytes, in)) > 0)
        assert_int_equal(fwrite(bytes, 1, n, out), n);
    assert_int_equal(fclose(out), 0);
    (void)fclose(in);
}

static WORKER_FN void take(struct old *o, size_t which)
{
    char from[512], to[160];
    (void)snprintf(o->path, sizeof o->path, "%s/ledger.db", o->f.dir);
    remove_old(o);
    (void)snprintf(from, sizeof from, ONECARD_SOURCE_DIR "/tests/data/%s", ledgers[which].name);
    copy_file(from, o->path);
    if (!ledgers[which].log)
        return;
    (void)snprintf(from, sizeof from, ONECARD_SOURCE_DIR "/tests/data/%s-wal", ledgers[which].name);
    (void)snprintf(to, sizeof to, "%s-wal", o->path);
    copy_file(from, to);
}

static WORKER_FN void sound(struct old *o, int64_t ops)
{
    memset(&o->report, 0, sizeof o->report);
    assert_int_equal(ledger_verify_file(o->path, key, NULL, NULL, &o->report), 0);
    assert_string_equal(o->report.first_fault, "");
    assert_int_equal(o->report.faults, 0);
    assert_int_equal(o->report.ops, ops);
}

static WORKER_FN int64_t number(const struct old *o, const char *sql)
{
    struct db *db = NULL;
    int64_t n = -1;
    assert_int_equal(db_open(o->path, DB_READ, &db), 0);
    int rc = db_number(db, sql, &n);
    db_close(&db);
    return rc ? -1 : n;
}

static WORKER_FN int open_old(struct old *o, struct ledger **ret)
{
    const struct ledger_opts opts = {.path = o->path, .chain_key = key};
    return ledger_open(&opts, ret);
}

static struct ledger_op *blank(uint8_t type)
{
    struct ledger_op *op = calloc(1, sizeof *op);
    op->type = type;
    strcpy(op->who, "tester");
    return op;
}

/* Nothing moves, an institution gets a message, a document of some size is kept. */
static void note(struct ledger_op *op)
{
    static char text[4000];
    memset(text, 'x', sizeof text);
    memset(op, 0, sizeof *op);
    op->type = LOP_INTENT;
    strcpy(op->who, "tester");
    struct op_intent *in = &op->intent;
    in->plan_kind = OC_PLAN_NOTE;
    strcpy(in->service, "medical.register");
    strcpy(in->terminal, "T1");
    strcpy(in->participant, "P1");
    in->business_date = FIXTURE_DAY;
    strcpy(in->records[0].scope, "medical");
    strcpy(in->records[0].owner, "citizen:C1");
    strcpy(in->records[0].key, "visit/1");
    in->records[0].doc = (struct op_doc){text, sizeof text};
    in->record_count = 1;
    strcpy(in->messages[0].to, "P2");
    strcpy(in->messages[0].kind, "visit");
    in->messages[0].doc = (struct op_doc){"{}", 2};
    in->message_count = 1;
}

/* The doubt in suspense ends, a terminal gets a token, a note is taken: old rows and new tables. */
static WORKER_FN void go_on(struct old *o, struct ledger *l)
{
    int64_t doubt = number(o, "SELECT id FROM txn WHERE state = 4 AND suspense = 1");
    struct ledger_op *op = blank(LOP_OUTCOME);
    op->outcome.txn = doubt;
    op->outcome.to = OC_TXN_POSTED;
    op->outcome.evidence = EV_PROVE;
    op->outcome.timeline.received_us = 1;
    assert_int_equal(ledger_submit(l, op), 0);
    memset(op, 0, sizeof *op);
    op->type = LOP_TERMINAL_KEY;
    strcpy(op->who, "tester");
    strcpy(op->terminal_key.terminal, "T1");
    op->terminal_key.action = TERMINAL_KEY_TOKEN;
    op->terminal_key.token_hash[0] = 1;
    op->terminal_key.token_until_ms = INT64_MAX;
    assert_int_equal(ledger_submit(l, op), 0);
    note(op);
    assert_int_equal(ledger_submit(l, op), 0);
    free(op);
}

static void ledger_of_an_earlier_version_verifies_as_it_is(void **state)
{
    ROLE_ENTER_WORKER();
    struct old *o = *state;
    for (size_t i = 0; i < ARRAY_LEN(ledgers); i++) {
        take(o, i);
        unsigned files = fixture_files(&o->f);
        sound(o, ledgers[i].ops);
        assert_int_equal(o->report.txns, ledgers[i].txns);
        assert_int_equal(o->report.open_txns, ledgers[i].open);
        assert_true(fixture_files(&o->f) <= files + 1); /* a log's index at most */
        assert_int_equal(number(o, "PRAGMA user_version"), ledgers[i].version);
    }
}

static void ledger_of_an_earlier_version_opens_migrates_verifies_and_goes_on(void **state)
{
    ROLE_ENTER_WORKER();
    struct old *o = *state;
    for (size_t i = 0; i < ARRAY_LEN(ledgers); i++) {
        struct ledger *l = NULL;
        take(o, i);
        assert_int_equal(open_old(o, &l), 0);
        struct ledger_stats st;
        ledger_stats(l, &st);
        assert_int_equal(st.cards, 3);
        assert_int_equal(st.open_txns, ledgers[i].open);
        assert_int_equal(st.journal_seq, ledgers[i].ops);
        go_on(o, l);
        ledger_close(&l);
        assert_int_equal(number(o, "PRAGMA user_version"), NEWEST);
        assert_int_equal(number(o, "SELECT count(*) FROM terminal_key"), ledgers[i].keys + 1);
        assert_int_equal(number(o, "SELECT cards FROM site"), 3);
        assert_true(number(o, "SELECT day FROM record_undated") > 0); /* records of before are not younger */
        assert_int_equal(number(o, "SELECT count(*) FROM record WHERE day = 0 AND key = 'visit/1'"), 0);
        assert_int_equal(number(o, "SELECT count(*) FROM outbox"), ledgers[i].messages + 1);
        sound(o, ledgers[i].ops + 3);
        assert_int_equal(open_old(o, &l), 0); /* and once more, nothing to do */
        ledger_close(&l);
    }
}

static WORKER_FN unsigned decode_all(struct old *o, int version)
{
    struct db *db = NULL;
    assert_int_equal(db_open(o->path, DB_READ, &db), 0);
    struct ledger_op *op = calloc(1, sizeof *op);
    struct buf b, again;
    buf_init(&b, OP_BYTES_MAX);
    buf_init(&again, OP_BYTES_MAX);
    struct db_q q;
    unsigned kinds = 0;
    db_q(&q, db, "SELECT op FROM journal ORDER BY seq");
    while (db_row(&q)) {
        size_t len;
        const uint8_t *p = db_get_blob(&q, &len);
        assert_int_equal(p[0], version);
        assert_int_equal(op_decode(p, len, op), 0);
        kinds |= 1u << op->type;
        if (op->type == LOP_INTENT && version < 3) {
            assert_int_equal(op->intent.message_count, 0);
            assert_int_equal(op->intent.hold.to[0], 0);
            assert_true(version > 1 || op->intent.timeline.received_us == 0);
            assert_true(version > 1 || op->intent.presented == PRESENTED_NONE);
        }
        buf_reset(&b);
        op_encode(op, &b);
        assert_int_equal(b.data[0], NEWEST_ENCODING);
        assert_int_equal(op_decode(b.data, b.len, op), 0);
        buf_reset(&again);
        op_encode(op, &again);
        assert_int_equal(again.len, b.len);
        assert_memory_equal(again.data, b.data, b.len);
    }
    assert_int_equal(db_end(&q), 0);
    db_close(&db);
    buf_fini(&b);
    buf_fini(&again);
    free(op);
    return kinds;
}

static void operations_of_earlier_versions_still_decode(void **state)
{
    ROLE_ENTER_WORKER();
    struct old *o = *state;
    take(o, 0);
    unsigned kinds = decode_all(o, 1);
    for (unsigned type = LOP_SITE; type <= LOP_RESTORED; type++)
        assert_true(kinds & (1u << type));
    take(o, 2);
    kinds = decode_all(o, 2);
    for (unsigned type = LOP_SITE; type <= LOP_TERMINAL_KEY; type++)
        assert_true(kinds & (1u << type));
    take(o, 4);
    kinds = decode_all(o, 3);
    for (unsigned type = LOP_HOLD; type <= LOP_PARTICIPANT_KEY; type++)
        assert_true(kinds & (1u << type));
}

/* ---- interrupted ---- */

/* Where each statement of a step ends. */
static size_t statements(const char *sql, size_t ends[STATEMENTS])
{
    size_t n = 0;
    for (const char *p = sql; *p; p++) {
        if (p[0] == '-' && p[1] == '-')
            p += strcspn(p, "\n");
        if (*p == ';') {
            assert_true(n < STATEMENTS);
            ends[n++] = (size_t)(p - sql) + 1;
        }
    }
    return n;
}

/* A ledger of version `which` comes to the step after its own, which fails after `done` statements.
 */
static WORKER_FN void fail_after(struct old *o, size_t which, size_t done)
{
    static char part[16384];
    size_t ends[STATEMENTS];
    int have = ledgers[which].version;
    const char *sql = ledger_schema[have].sql;
    (void)statements(sql, ends);
    struct db *db = NULL;
    (void)snprintf(part, sizeof part, "%.*s SELECT no_such_thing();",
                   done ? (int)ends[done - 1] : 0, sql);
    struct db_step steps[NEWEST];
    memcpy(steps, ledger_schema, sizeof steps);
    steps[have].sql = part;
    take(o, which);
    assert_int_equal(db_open(o->path, DB_WRITE, &db), 0);
    assert_int_equal(db_migrate(db, steps, (size_t)have + 1), OC_EDB);
    db_close(&db);
    assert_int_equal(number(o, "PRAGMA user_version"), have);
    sound(o, ledgers[which].ops);
    struct ledger *l = NULL;
    assert_int_equal(open_old(o, &l), 0);
    ledger_close(&l);
    assert_int_equal(number(o, "PRAGMA user_version"), NEWEST);
    sound(o, ledgers[which].ops);
}

static void migration_that_fails_at_any_statement_changes_nothing(void **state)
{
    ROLE_ENTER_WORKER();
    struct old *o = *state;
    FILE *null = fopen("/dev/null", "w");
    log_set_stream(null);
    for (size_t version = 1; version < NEWEST; version++) {
        size_t ends[STATEMENTS], count = statements(ledger_schema[version].sql, ends);
        assert_true(count >= 5);
        for (size_t i = 0; i <= count; i++)
            fail_after(o, 2 * (version - 1) + i % 2, i);
    }
    log_set_stream(NULL);
    (void)fclose(null);
}

/* Runs the first `done` statements of the step, and its end where all are done, and dies. */
static WORKER_FN void migrate_and_die(const struct old *o, int version, size_t done)
{
    size_t ends[STATEMENTS], count = statements(ledger_schema[version].sql, ends);
    static char part[16384], end[64];
    struct db *db = NULL;
    (void)snprintf(part, sizeof part, "%.*s",
                   done ? (int)ends[(done > count ? count : done) - 1] : 0,
                   ledger_schema[version].sql);
    (void)snprintf(end, sizeof end, "PRAGMA user_version=%d", version + 1);
    if (db_open(o->path, DB_WRITE, &db) || db_exec(db, "BEGIN IMMEDIATE") || db_exec(db, part))
        _exit(1);
    if (done > count && (db_exec(db, end) || db_exec(db, "COMMIT")))
        _exit(1);
    (void)kill(getpid(), SIGKILL);
}

static WORKER_FN void kill_after(struct old *o, size_t which, size_t done, bool whole)
{
    int status = 0, version = ledgers[which].version;
    take(o, which);
    pid_t child = fork();
    if (child == 0)
        migrate_and_die(o, version, done);
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(number(o, "PRAGMA user_version"), whole ? version + 1 : version);
    sound(o, ledgers[which].ops);
    struct ledger *l = NULL;
    assert_int_equal(open_old(o, &l), 0);
    ledger_close(&l);
    sound(o, ledgers[which].ops);
}

static void migration_killed_at_any_statement_is_done_at_the_next_start(void **state)
{
    ROLE_ENTER_WORKER();
    struct old *o = *state;
    for (size_t version = 1; version < NEWEST; version++) {
        size_t ends[STATEMENTS], count = statements(ledger_schema[version].sql, ends);
        for (size_t i = 0; i <= count + 1; i++)
            kill_after(o, 2 * (version - 1) + i % 2, i, i > count);
    }
}

/* ---- newer, restored, changed ---- */

static void newer_schema_is_refused_by_the_name_of_its_program(void **state)
{
    ROLE_ENTER_WORKER();
    struct old *o = *state;
    struct db *db = NULL;
    take(o, 0);
    assert_int_equal(db_open(o->path, DB_WRITE, &db), 0);
    assert_int_equal(db_migrate(db, ledger_schema, ledger_schema_len), 0);
    assert_int_equal(db_exec(db, "INSERT INTO schema_step VALUES (5, 'onecard 9.9');"
                                 "PRAGMA user_version=5"),
                     0);
    db_close(&db);
    char *text = NULL;
    size_t len = 0;
    FILE *log = open_memstream(&text, &len);
    log_set_stream(log);
    struct ledger *l = NULL;
    int opened = open_old(o, &l);
    int verified = ledger_verify_file(o->path, key, NULL, NULL, &o->report);
    log_set_stream(NULL);
    (void)fclose(log);
    assert_int_equal(opened, OC_EDB_SCHEMA);
    assert_null(l);
    assert_int_equal(verified, OC_EDB_SCHEMA);
    const char *first = strstr(text, "this program knows 4: use at least onecard 9.9");
    assert_non_null(first);
    assert_non_null(strstr(first + 1, "use at least onecard 9.9"));
    free(text);
}

/* Of the third version: a row of the record that is held, and one of version 0 in place of the other. */
static void R2_record_that_a_doubt_held_before_the_step_is_held_after_it(void **state)
{
    ROLE_ENTER_WORKER();
    struct old *o = *state;
    struct ledger *l = NULL;
    struct ledger_op *op = blank(LOP_INTENT);
    take(o, 4);
    int64_t doubt = number(o, "SELECT DISTINCT locked_by FROM record WHERE locked_by <> 0");
    assert_int_equal(open_old(o, &l), 0);
    assert_int_equal(number(o, "SELECT count(*) FROM record WHERE owner = 'card:1'"), 1);
    for (unsigned year = 0; year < 2; year++) {
        note(op);
        struct op_record *r = op->intent.records;
        strcpy(r->scope, "transit");
        strcpy(r->owner, "card:1");
        strcpy(r->key, year ? "year" : "month");
        r->version_read = year ? 0 : 16;
        assert_int_equal(ledger_submit(l, op), OC_EREFUSED);
        assert_int_equal(op->reason, OC_R_STALE);
        assert_non_null(strstr(op->detail, "held by another"));
    }
    memset(op, 0, sizeof *op);
    op->type = LOP_OUTCOME;
    strcpy(op->who, "tester");
    op->outcome.txn = doubt;
    op->outcome.to = OC_TXN_POSTED;
    op->outcome.evidence = EV_PROVE;
    assert_int_equal(ledger_submit(l, op), 0);
    ledger_close(&l);
    assert_int_equal(number(o, "SELECT version FROM record WHERE key = 'month'"), 17);
    assert_int_equal(number(o, "SELECT count(*) FROM record WHERE doc = '{\"rides\":2}'"), 2);
    sound(o, ledgers[4].ops + 1);
    free(op);
}

static void backup_of_an_earlier_version_is_restored(void **state)
{
    ROLE_ENTER_WORKER();
    struct old *o = *state;
    for (size_t i = 0; i < ARRAY_LEN(ledgers); i += 2) {
        char from[512];
        take(o, i);
        remove_old(o);
        (void)snprintf(from, sizeof from, ONECARD_SOURCE_DIR "/tests/data/%s", ledgers[i].name);
        assert_int_equal(ledger_restore(from, o->path, key, &(struct ledger_restore_opts){.jump = 1000}, &o->report), 0);
        assert_int_equal(o->report.faults, 0);
        sound(o, ledgers[i].ops + 1);
        assert_int_equal(number(o, "PRAGMA user_version"), NEWEST);
    }
}

static void changed_row_of_an_earlier_ledger_is_found(void **state)
{
    ROLE_ENTER_WORKER();
    struct old *o = *state;
    for (size_t i = 0; i < ARRAY_LEN(ledgers); i += 2) {
        struct db *db = NULL;
        take(o, i);
        assert_int_equal(db_open(o->path, DB_WRITE, &db), 0);
        assert_int_equal(db_exec(db, "UPDATE card SET seen_balance = seen_balance + 1 WHERE id = "
                                     "(SELECT min(id) FROM card)"),
                         0);
        db_close(&db);
        memset(&o->report, 0, sizeof o->report);
        assert_int_equal(ledger_verify_file(o->path, key, NULL, NULL, &o->report), 0);
        assert_int_equal(o->report.faults, 1);
        assert_non_null(strstr(o->report.first_fault, "seen_balance"));
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(ledger_of_an_earlier_version_verifies_as_it_is),
        T(ledger_of_an_earlier_version_opens_migrates_verifies_and_goes_on),
        T(operations_of_earlier_versions_still_decode),
        T(migration_that_fails_at_any_statement_changes_nothing),
        T(migration_killed_at_any_statement_is_done_at_the_next_start),
        T(newer_schema_is_refused_by_the_name_of_its_program),
        T(R2_record_that_a_doubt_held_before_the_step_is_held_after_it),
        T(backup_of_an_earlier_version_is_restored),
        T(changed_row_of_an_earlier_ledger_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
