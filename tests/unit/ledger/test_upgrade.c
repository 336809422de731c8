/* Ledgers that earlier programs wrote. tests/data/ledger-v1.db is one of schema 1 and encodings 1
 * with every kind of operation of its time: a day closed and settled, a backup restored, a record,
 * doubts in transit and in suspense, an intent without outcome; ledger-v1-wal.db has two more
 * operations in a log that no checkpoint has copied. They are never written again: whoever changes
 * schema or encodings adds the ledger of the version before. */
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

#define STATEMENTS 16

struct old {
    struct ledger_fixture f; /* its folder; its own ledger is put aside */
    char path[96];
    struct ledger_report report;
};

static const struct {
    const char *name;
    bool log;
    int64_t ops, txns;
} ledgers[] = {{"ledger-v1.db", false, 35, 9}, {"ledger-v1-wal.db", true, 37, 10}};

static const uint8_t key[32] = {[0 ... 31] = 0x77};

static int setup(void **state)
{
    ROLE_ENTER_WORKER();
    log_set_level(LOG_ERROR);
    struct old *o = calloc(1, sizeof *o);
    if (!o)
        return -1;
    *state = o;
    strcpy(o->f.dir, "/tmp/onecard-upgrade-XXXXXX");
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

/* The doubt in suspense ends, a terminal gets a token: old rows and new tables. */
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
    free(op);
}

static void ledger_of_version_1_verifies_as_it_is(void **state)
{
    ROLE_ENTER_WORKER();
    struct old *o = *state;
    for (size_t i = 0; i < ARRAY_LEN(ledgers); i++) {
        take(o, i);
        unsigned files = fixture_files(&o->f);
        sound(o, ledgers[i].ops);
        assert_int_equal(o->report.txns, ledgers[i].txns);
        assert_int_equal(o->report.open_txns, 3);
        assert_true(fixture_files(&o->f) <= files + 1); /* a log's index at most */
        assert_int_equal(number(o, "PRAGMA user_version"), 1);
    }
}

static void ledger_of_version_1_opens_migrates_verifies_and_goes_on(void **state)
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
        assert_int_equal(st.open_txns, 3);
        assert_int_equal(st.journal_seq, ledgers[i].ops);
        go_on(o, l);
        ledger_close(&l);
        assert_int_equal(number(o, "PRAGMA user_version"), 2);
        assert_int_equal(number(o, "SELECT count(*) FROM terminal_key"), 1);
        assert_int_equal(number(o, "SELECT cards FROM site"), 3);
        sound(o, ledgers[i].ops + 2);
        assert_int_equal(open_old(o, &l), 0); /* and once more, nothing to do */
        ledger_close(&l);
    }
}

static void operations_of_version_1_still_decode(void **state)
{
    ROLE_ENTER_WORKER();
    struct old *o = *state;
    take(o, 0);
    struct db *db = NULL;
    assert_int_equal(db_open(o->path, DB_READ, &db), 0);
    struct ledger_op *op = calloc(1, sizeof *op), *back = calloc(1, sizeof *back);
    struct db_q q;
    unsigned kinds = 0;
    db_q(&q, db, "SELECT op FROM journal ORDER BY seq");
    while (db_row(&q)) {
        size_t len;
        const uint8_t *p = db_get_blob(&q, &len);
        assert_int_equal(p[0], 1);
        assert_int_equal(op_decode(p, len, op), 0);
        kinds |= 1u << op->type;
        if (op->type == LOP_INTENT) {
            assert_int_equal(op->intent.timeline.received_us, 0);
            assert_int_equal(op->intent.presented, PRESENTED_NONE);
        }
        struct buf b;
        buf_init(&b, OP_BYTES_MAX);
        op_encode(op, &b);
        assert_int_equal(b.data[0], 3);
        assert_int_equal(op_decode(b.data, b.len, back), 0);
        assert_memory_equal(back, op, sizeof *op);
        buf_fini(&b);
    }
    assert_int_equal(db_end(&q), 0);
    db_close(&db);
    for (unsigned type = LOP_SITE; type <= LOP_RESTORED; type++)
        assert_true(kinds & (1u << type));
    free(op);
    free(back);
}

/* ---- interrupted ---- */

/* Where each statement of the second step ends. */
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

static void migration_that_fails_at_any_statement_changes_nothing(void **state)
{
    ROLE_ENTER_WORKER();
    struct old *o = *state;
    const char *sql = ledger_schema[1].sql;
    size_t ends[STATEMENTS], count = statements(sql, ends);
    assert_true(count >= 5);
    FILE *null = fopen("/dev/null", "w");
    log_set_stream(null);
    for (size_t i = 0; i <= count; i++) {
        static char part[16384];
        struct db *db = NULL;
        (void)snprintf(part, sizeof part, "%.*s SELECT no_such_thing();", i ? (int)ends[i - 1] : 0,
                       sql);
        const struct db_step steps[] = {{1, ledger_schema[0].sql}, {2, part}};
        take(o, i % 2);
        assert_int_equal(db_open(o->path, DB_WRITE, &db), 0);
        assert_int_equal(db_migrate(db, steps, 2), OC_EDB);
        db_close(&db);
        assert_int_equal(number(o, "PRAGMA user_version"), 1);
        sound(o, ledgers[i % 2].ops);
        struct ledger *l = NULL;
        assert_int_equal(open_old(o, &l), 0);
        ledger_close(&l);
        assert_int_equal(number(o, "PRAGMA user_version"), 2);
        sound(o, ledgers[i % 2].ops);
    }
    log_set_stream(NULL);
    (void)fclose(null);
}

/* Runs the first `done` statements of the step, and its end where all are done, and dies. */
static WORKER_FN void migrate_and_die(const struct old *o, size_t done)
{
    size_t ends[STATEMENTS], count = statements(ledger_schema[1].sql, ends);
    static char part[16384];
    struct db *db = NULL;
    (void)snprintf(part, sizeof part, "%.*s",
                   done ? (int)ends[(done > count ? count : done) - 1] : 0, ledger_schema[1].sql);
    if (db_open(o->path, DB_WRITE, &db) || db_exec(db, "BEGIN IMMEDIATE") || db_exec(db, part))
        _exit(1);
    if (done > count && (db_exec(db, "PRAGMA user_version=2") || db_exec(db, "COMMIT")))
        _exit(1);
    (void)kill(getpid(), SIGKILL);
}

static void migration_killed_at_any_statement_is_done_at_the_next_start(void **state)
{
    ROLE_ENTER_WORKER();
    struct old *o = *state;
    size_t ends[STATEMENTS], count = statements(ledger_schema[1].sql, ends);
    for (size_t i = 0; i <= count + 1; i++) {
        int status = 0;
        take(o, i % 2);
        pid_t child = fork();
        if (child == 0)
            migrate_and_die(o, i);
        assert_true(child > 0 && waitpid(child, &status, 0) == child);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(number(o, "PRAGMA user_version"), i > count ? 2 : 1);
        sound(o, ledgers[i % 2].ops);
        struct ledger *l = NULL;
        assert_int_equal(open_old(o, &l), 0);
        ledger_close(&l);
        sound(o, ledgers[i % 2].ops);
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
    assert_int_equal(db_exec(db, "INSERT INTO schema_step VALUES (3, 'onecard 9.9');"
                                 "PRAGMA user_version=3"),
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
    const char *first = strstr(text, "this program knows 2: use at least onecard 9.9");
    assert_non_null(first);
    assert_non_null(strstr(first + 1, "use at least onecard 9.9"));
    free(text);
}

static void backup_of_version_1_is_restored(void **state)
{
    ROLE_ENTER_WORKER();
    struct old *o = *state;
    char from[512];
    take(o, 0);
    remove_old(o);
    (void)snprintf(from, sizeof from, ONECARD_SOURCE_DIR "/tests/data/%s", ledgers[0].name);
    assert_int_equal(ledger_restore(from, o->path, key, 1000, &o->report), 0);
    assert_int_equal(o->report.faults, 0);
    sound(o, ledgers[0].ops + 1);
    assert_int_equal(number(o, "PRAGMA user_version"), 2);
}

static void changed_row_of_a_ledger_of_version_1_is_found(void **state)
{
    ROLE_ENTER_WORKER();
    struct old *o = *state;
    struct db *db = NULL;
    take(o, 0);
    assert_int_equal(db_open(o->path, DB_WRITE, &db), 0);
    assert_int_equal(db_exec(db, "UPDATE card SET seen_balance = seen_balance + 1 WHERE id = "
                                 "(SELECT min(id) FROM card)"),
                     0);
    db_close(&db);
    assert_int_equal(ledger_verify_file(o->path, key, NULL, NULL, &o->report), 0);
    assert_int_equal(o->report.faults, 1);
    assert_non_null(strstr(o->report.first_fault, "seen_balance"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(ledger_of_version_1_verifies_as_it_is),
        T(ledger_of_version_1_opens_migrates_verifies_and_goes_on),
        T(operations_of_version_1_still_decode),
        T(migration_that_fails_at_any_statement_changes_nothing),
        T(migration_killed_at_any_statement_is_done_at_the_next_start),
        T(newer_schema_is_refused_by_the_name_of_its_program),
        T(backup_of_version_1_is_restored),
        T(changed_row_of_a_ledger_of_version_1_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
