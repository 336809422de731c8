/* Copies are whole or not there; a restore installs what was proved and keeps what was there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "db/db.h"
#include "ledger/verify.h"
#include "ledger_fixture.h"
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct keeper {
    struct ledger_fixture f;
    char copy[160], other[160];
    const char *to;
    struct ledger_report report;
    unsigned written;
    bool stop;
};

static int setup(void **state)
{
    ROLE_ENTER_WORKER();
    struct keeper *k = calloc(1, sizeof *k);
    if (!k)
        return -1;
    *state = k;
    int rc = fixture_open(&k->f);
    (void)fixture_path(&k->f, "copy.db", k->copy);
    (void)fixture_path(&k->f, "other.db", k->other);
    k->to = k->copy;
    return rc ? rc : fixture_busy_day(&k->f);
}

static int teardown(void **state)
{
    ROLE_ENTER_WORKER();
    struct keeper *k = *state;
    log_set_stream(NULL);
    fixture_close(&k->f);
    free(k);
    return 0;
}

static CO_FN int back_up(void *arg)
{
    struct keeper *k = arg;
    return ledger_co_backup(k->f.l, k->to);
}

static WORKER_FN int prove(struct keeper *k, const char *path)
{
    memset(&k->report, 0, sizeof k->report);
    return ledger_verify_file(path, k->f.key, NULL, NULL, &k->report);
}

static WORKER_FN int restore(struct keeper *k, const char *from, const char *path)
{
    memset(&k->report, 0, sizeof k->report);
    const struct ledger_restore_opts o = {.jump = 1000};
    return ledger_restore(from, path, k->f.key, &o, &k->report);
}

static WORKER_FN int64_t number(const char *path, const char *sql)
{
    struct db *db = NULL;
    int64_t n = -1;
    if (db_open(path, DB_READ, &db))
        return -1;
    int rc = db_number(db, sql, &n);
    db_close(&db);
    return rc ? -1 : n;
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static void quiet(void)
{
    static FILE *null;
    if (!null)
        null = fopen("/dev/null", "w");
    log_set_stream(null);
}

/* ---- backup ---- */

static void backup_is_whole_and_proves(void **state)
{
    ROLE_ENTER_WORKER();
    struct keeper *k = *state;
    unsigned before = fixture_files(&k->f);
    assert_int_equal(fixture_flow(&k->f, back_up, k), 0);
    assert_int_equal(fixture_files(&k->f), before + 1);
    assert_int_equal(prove(k, k->copy), 0);
    assert_string_equal(k->report.first_fault, "");
    assert_int_equal(k->report.txns, 7);
    struct stat st;
    assert_int_equal(stat(k->copy, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static CO_FN int write_on(void *arg)
{
    struct keeper *k = arg;
    struct ledger_op *op = arena_alloc(flow_arena(), sizeof *op);
    int rc = op ? 0 : OC_ENOMEM;
    while (!rc && !k->stop) {
        memset(op, 0, sizeof *op);
        op->type = LOP_EVENT;
        (void)snprintf(op->who, sizeof op->who, "tester");
        (void)snprintf(op->event.item.kind, sizeof op->event.item.kind, "note");
        rc = ledger_co_submit(k->f.l, op);
        k->written++;
    }
    return rc;
}

static CO_FN int back_up_while_writing(void *arg)
{
    struct keeper *k = arg;
    struct flow *writer;
    int result = 0;
    int rc = flow_start(flow_loop(), "writer", write_on, k, &writer);
    if (rc)
        return rc;
    rc = back_up(k);
    k->stop = true;
    int joined = flow_co_join(writer, &result, FLOW_FOREVER);
    flow_put(writer);
    return rc ? rc : joined ? joined : result;
}

static void backup_is_taken_while_transactions_go_on(void **state)
{
    ROLE_ENTER_WORKER();
    struct keeper *k = *state;
    assert_int_equal(fixture_flow(&k->f, back_up_while_writing, k), 0);
    assert_true(k->written > 0);
    assert_int_equal(prove(k, k->copy), 0);
    assert_string_equal(k->report.first_fault, "");
}

static void backup_replaces_nothing(void **state)
{
    ROLE_ENTER_WORKER();
    struct keeper *k = *state;
    assert_int_equal(file_write_atomic(k->copy, "dear", 4, 0600), 0);
    unsigned before = fixture_files(&k->f);
    assert_int_equal(fixture_flow(&k->f, back_up, k), OC_EEXIST);
    assert_int_equal(fixture_files(&k->f), before);
    struct stat st;
    assert_int_equal(stat(k->copy, &st), 0);
    assert_int_equal(st.st_size, 4);
}

static void backup_without_place_leaves_nothing(void **state)
{
    ROLE_ENTER_WORKER();
    struct keeper *k = *state;
    quiet();
    k->to = "/nonexistent/folder/copy.db";
    assert_true(fixture_flow(&k->f, back_up, k) < 0);
    k->to = k->copy;
    assert_int_equal(fixture_flow(&k->f, back_up, k), 0);
}

static void backup_touches_no_file_that_is_not_its_own(void **state)
{
    ROLE_ENTER_WORKER();
    struct keeper *k = *state;
    char part[176];
    (void)snprintf(part, sizeof part, "%s.part", k->copy);
    assert_int_equal(file_write_atomic(part, "half", 4, 0600), 0);
    assert_int_equal(fixture_flow(&k->f, back_up, k), 0);
    struct stat st;
    assert_int_equal(stat(part, &st), 0);
    assert_int_equal(st.st_size, 4);
    assert_int_equal(prove(k, k->copy), 0);
    assert_int_equal(k->report.faults, 0);
}

static CO_FN int back_up_and_close(void *arg)
{
    struct keeper *k = arg;
    atomic_store(&k->f.l->closing, true);
    return back_up(k);
}

static void copies_and_proofs_end_when_the_ledger_closes(void **state)
{
    ROLE_ENTER_WORKER();
    struct keeper *k = *state;
    unsigned before = fixture_files(&k->f);
    assert_int_equal(fixture_flow(&k->f, back_up_and_close, k), OC_ECLOSED);
    assert_int_equal(fixture_files(&k->f), before);
    assert_int_equal(verify_until(k->f.path, k->f.key, &k->f.l->closing, &k->report), OC_ECLOSED);
}

/* ---- restore ---- */

static void R10_restored_ledger_jumps_every_sequence_and_proves(void **state)
{
    ROLE_ENTER_WORKER();
    struct keeper *k = *state;
    assert_int_equal(fixture_flow(&k->f, back_up, k), 0);
    assert_int_equal(restore(k, k->copy, k->other), 0);
    assert_int_equal(k->report.faults, 0);
    char log[176];
    (void)snprintf(log, sizeof log, "%s-wal", k->other);
    assert_false(exists(log));
    assert_int_equal(prove(k, k->other), 0);
    assert_string_equal(k->report.first_fault, "");
    assert_int_equal(number(k->other, "SELECT next_seq FROM sam WHERE terminal = 'T1'"),
                     number(k->copy, "SELECT next_seq FROM sam WHERE terminal = 'T1'") + 1000);
    assert_int_equal(number(k->other, "SELECT count(*) FROM journal"),
                     number(k->copy, "SELECT count(*) FROM journal") + 1);
    assert_int_equal(number(k->other, "SELECT min(next_seq) FROM sam"),
                     number(k->copy, "SELECT min(next_seq) FROM sam") + 1000);
}

static void restored_ledger_goes_on_where_the_backup_was(void **state)
{
    ROLE_ENTER_WORKER();
    struct keeper *k = *state;
    struct ledger_fixture *f = &k->f;
    assert_int_equal(fixture_flow(f, back_up, k), 0);
    /* After the backup something more happens, which the restore forgets but keeps beside it. */
    int64_t doubt = number(f->path, "SELECT id FROM txn WHERE state = 1");
    (void)fixture_outcome(f, doubt, OC_TXN_POSTED, EV_ANSWER);
    assert_int_equal(fixture_do(f), 0);
    fixture_stop(f);
    assert_int_equal(restore(k, k->copy, f->path), 0);
    f->opts.clock = &clock_system;
    assert_int_equal(fixture_start(f), 0);
    assert_int_equal(number(f->path, "SELECT state FROM txn WHERE id = (SELECT max(id) FROM txn)"),
                     OC_TXN_INTENDED);
    (void)fixture_outcome(f, doubt, OC_TXN_POSTED, EV_ANSWER);
    assert_int_equal(fixture_do(f), 0);
    f->chip[1].balance -= 80;
    f->chip[1].offline++;
    (void)fixture_purchase(f, 1, 5);
    assert_int_not_equal(fixture_run(f, 1, OC_TXN_INTENDED), 0);
    assert_true(f->op->intent.terminal_seq > 1000);
    fixture_stop(f);
    char kept[176];
    (void)snprintf(kept, sizeof kept, "%s.replaced-1", f->path);
    assert_int_equal(prove(k, kept), 0);
    assert_string_equal(k->report.first_fault, "");
    assert_int_equal(k->report.open_txns, 1);
    assert_int_equal(prove(k, f->path), 0);
    assert_string_equal(k->report.first_fault, "");
}

static void second_restore_keeps_both_old_ledgers(void **state)
{
    ROLE_ENTER_WORKER();
    struct keeper *k = *state;
    assert_int_equal(fixture_flow(&k->f, back_up, k), 0);
    fixture_stop(&k->f);
    assert_int_equal(restore(k, k->copy, k->f.path), 0);
    assert_int_equal(restore(k, k->copy, k->f.path), 0);
    char kept[176];
    for (unsigned n = 1; n <= 2; n++) {
        (void)snprintf(kept, sizeof kept, "%s.replaced-%u", k->f.path, n);
        assert_int_equal(prove(k, kept), 0);
        assert_int_equal(k->report.faults, 0);
    }
}

static void restored_ledger_has_owner_and_mode_of_the_old_one(void **state)
{
    ROLE_ENTER_WORKER();
    struct keeper *k = *state;
    struct stat st;
    assert_int_equal(fixture_flow(&k->f, back_up, k), 0);
    fixture_stop(&k->f);
    assert_int_equal(chmod(k->f.path, 0640), 0);
    assert_int_equal(restore(k, k->copy, k->f.path), 0);
    assert_int_equal(stat(k->f.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
}

static void damaged_backup_is_not_installed(void **state)
{
    ROLE_ENTER_WORKER();
    struct keeper *k = *state;
    assert_int_equal(fixture_flow(&k->f, back_up, k), 0);
    fixture_stop(&k->f);
    struct db *db = NULL;
    assert_int_equal(db_open(k->copy, DB_WRITE, &db), 0);
    assert_int_equal(db_exec(db, "UPDATE card SET purse_credits = purse_credits + 1"), 0);
    db_close(&db);
    unsigned before = fixture_files(&k->f);
    quiet();
    assert_int_equal(restore(k, k->copy, k->f.path), OC_ECHAIN);
    assert_true(k->report.faults > 0);
    assert_int_equal(fixture_files(&k->f), before);
    assert_int_equal(prove(k, k->f.path), 0);
    assert_int_equal(k->report.faults, 0);
    assert_int_equal(restore(k, "/nonexistent/copy.db", k->f.path), OC_ENOENT);
    assert_int_equal(fixture_files(&k->f), before);
}

static void backup_under_another_key_is_not_installed(void **state)
{
    ROLE_ENTER_WORKER();
    struct keeper *k = *state;
    assert_int_equal(fixture_flow(&k->f, back_up, k), 0);
    fixture_stop(&k->f);
    quiet();
    k->f.key[0] ^= 1;
    assert_int_equal(restore(k, k->copy, k->f.path), OC_ECHAIN);
    k->f.key[0] ^= 1;
    assert_int_equal(prove(k, k->f.path), 0);
    assert_int_equal(k->report.faults, 0);
}

static void damaged_old_ledger_is_replaced_and_kept(void **state)
{
    ROLE_ENTER_WORKER();
    struct keeper *k = *state;
    assert_int_equal(fixture_flow(&k->f, back_up, k), 0);
    fixture_stop(&k->f);
    assert_int_equal(file_write_atomic(k->f.path, "ruins", 5, 0600), 0);
    assert_int_equal(restore(k, k->copy, k->f.path), 0);
    assert_int_equal(prove(k, k->f.path), 0);
    assert_string_equal(k->report.first_fault, "");
    char kept[176];
    (void)snprintf(kept, sizeof kept, "%s.replaced-1", k->f.path);
    assert_true(exists(kept));
}

/* A crash between "the old one has lost its name" and "the new one has got it": a log without its
 * file lies there. */
static void log_of_a_lost_ledger_is_not_taken_for_the_new_ones(void **state)
{
    ROLE_ENTER_WORKER();
    struct keeper *k = *state;
    assert_int_equal(fixture_flow(&k->f, back_up, k), 0);
    fixture_stop(&k->f);
    assert_int_equal(unlink(k->f.path), 0);
    assert_int_equal(restore(k, k->copy, k->f.path), 0);
    char name[176];
    (void)snprintf(name, sizeof name, "%s-wal", k->f.path);
    assert_false(exists(name));
    (void)snprintf(name, sizeof name, "%s.replaced-1-wal", k->f.path);
    assert_true(exists(name));
    assert_int_equal(prove(k, k->f.path), 0);
    assert_string_equal(k->report.first_fault, "");
}

static void restore_that_was_broken_off_can_be_started_again(void **state)
{
    ROLE_ENTER_WORKER();
    struct keeper *k = *state;
    assert_int_equal(fixture_flow(&k->f, back_up, k), 0);
    fixture_stop(&k->f);
    static const char *const tails[] = {".restoring", ".restoring-wal", ".restoring-shm"};
    char name[176];
    for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
        (void)snprintf(name, sizeof name, "%s%s", k->f.path, tails[i]);
        assert_int_equal(file_write_atomic(name, "half", 4, 0600), 0);
    }
    assert_int_equal(restore(k, k->copy, k->f.path), 0);
    for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
        (void)snprintf(name, sizeof name, "%s%s", k->f.path, tails[i]);
        assert_false(exists(name));
    }
    assert_int_equal(prove(k, k->f.path), 0);
    assert_int_equal(k->report.faults, 0);
}

/* Another process has the ledger open. */
static WORKER_FN pid_t hold_open(const char *path, int ready[2])
{
    pid_t child = fork();
    if (child)
        return child;
    struct db *db = NULL;
    int64_t n;
    if (db_open(path, DB_READ, &db) || db_number(db, "SELECT count(*) FROM journal", &n))
        _exit(1);
    if (write(ready[1], "x", 1) != 1)
        _exit(1);
    (void)pause();
    _exit(0);
}

static void ledger_in_use_is_not_replaced(void **state)
{
    ROLE_ENTER_WORKER();
    struct keeper *k = *state;
    int ready[2];
    char c;
    assert_int_equal(fixture_flow(&k->f, back_up, k), 0);
    fixture_stop(&k->f);
    assert_int_equal(pipe(ready), 0);
    pid_t child = hold_open(k->f.path, ready);
    assert_true(child > 0);
    assert_int_equal(read(ready[0], &c, 1), 1);
    quiet();
    int rc = restore(k, k->copy, k->f.path);
    (void)kill(child, SIGTERM);
    (void)waitpid(child, NULL, 0);
    (void)close(ready[0]);
    (void)close(ready[1]);
    assert_int_equal(rc, OC_EBUSY);
    assert_int_equal(restore(k, k->copy, k->f.path), 0);
}

/* Started after the restore began, before it ends: what it acknowledged would be renamed away. */
static void restore_and_an_open_ledger_exclude_each_other(void **state)
{
    ROLE_ENTER_WORKER();
    struct keeper *k = *state;
    char lock[176];
    assert_int_equal(fixture_flow(&k->f, back_up, k), 0);
    quiet();
    assert_int_equal(restore(k, k->copy, k->f.path), OC_EBUSY);
    fixture_stop(&k->f);
    (void)snprintf(lock, sizeof lock, "%s.lock", k->f.path);
    int fd = open(lock, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(restore(k, k->copy, k->f.path), OC_EBUSY);
    assert_int_equal(fixture_start(&k->f), OC_EBUSY);
    (void)close(fd);
    assert_int_equal(restore(k, k->copy, k->f.path), 0);
    (void)snprintf(lock, sizeof lock, "%s.restoring.lock", k->f.path);
    assert_false(exists(lock));
    k->f.opts.clock = &clock_system;
    assert_int_equal(fixture_start(&k->f), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(backup_is_whole_and_proves),
        T(backup_is_taken_while_transactions_go_on),
        T(backup_replaces_nothing),
        T(backup_without_place_leaves_nothing),
        T(backup_touches_no_file_that_is_not_its_own),
        T(copies_and_proofs_end_when_the_ledger_closes),
        T(R10_restored_ledger_jumps_every_sequence_and_proves),
        T(restored_ledger_goes_on_where_the_backup_was),
        T(second_restore_keeps_both_old_ledgers),
        T(restored_ledger_has_owner_and_mode_of_the_old_one),
        T(damaged_backup_is_not_installed),
        T(backup_under_another_key_is_not_installed),
        T(damaged_old_ledger_is_replaced_and_kept),
        T(log_of_a_lost_ledger_is_not_taken_for_the_new_ones),
        T(restore_that_was_broken_off_can_be_started_again),
        T(ledger_in_use_is_not_replaced),
        T(restore_and_an_open_ledger_exclude_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
