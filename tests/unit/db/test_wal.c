/* When a checkpoint may begin: never between one that copied everything and the end of the next
 * commit that began after. */
#include "db/db.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
    char dir[64], path[96];
    struct db *db, *ckpt, *reader;
    struct db_wal *wal;
    atomic_bool stop;
    unsigned passes;
};

static int setup(void **state)
{
    ROLE_ENTER_WORKER();
    struct place *p = calloc(1, sizeof *p);
    if (!p)
        return -1;
    *state = p;
    strcpy(p->dir, ONECARD_SCRATCH "/onecard-wal-XXXXXX");
    if (!mkdtemp(p->dir))
        return -1;
    snprintf(p->path, sizeof p->path, "%s/t.db", p->dir);
    int rc = db_open(p->path, DB_CREATE, &p->db);
    if (!rc)
        rc = db_open(p->path, DB_WRITE, &p->ckpt);
    if (!rc)
        rc = db_open(p->path, DB_READ, &p->reader);
    if (!rc)
        rc = db_wal_new(&p->wal);
    return rc ? rc : db_exec(p->db, "CREATE TABLE t (k INTEGER PRIMARY KEY, b BLOB) STRICT");
}

static int teardown(void **state)
{
    ROLE_ENTER_WORKER();
    struct place *p = *state;
    static const char *const ends[] = {"", "-wal", "-shm"};
    db_close(&p->db);
    db_close(&p->ckpt);
    db_close(&p->reader);
    db_wal_free(&p->wal);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        char name[128];
        snprintf(name, sizeof name, "%s%s", p->path, ends[i]);
        unlink(name);
    }
    rmdir(p->dir);
    free(p);
    return 0;
}

static WORKER_FN int commit(struct place *p, unsigned rows)
{
    struct db_tx tx;
    db_wal_begin(p->wal);
    int rc = db_tx_begin(&tx, p->db);
    for (unsigned i = 0; i < rows && !rc; i++) {
        struct db_q q;
        db_q(&q, p->db, "INSERT INTO t (b) VALUES (zeroblob(1000))");
        rc = db_end(&q);
    }
    if (!rc)
        rc = db_tx_commit(&tx);
    db_wal_finish(p->wal, p->db, rc == 0);
    return rc;
}

static void none_begins_between_a_full_pass_and_the_next_commit(void **state)
{
    ROLE_ENTER_WORKER();
    struct place *p = *state;
    assert_int_equal(commit(p, 10), 0);
    assert_true(db_wal_bytes(p->wal) > 4096);
    assert_true(db_wal_may(p->wal));
    assert_int_equal(db_wal_pass(p->wal, p->ckpt), 1);
    assert_true(db_wal_full_ns(p->wal) > 0);
    assert_false(db_wal_may(p->wal));
    assert_int_equal(db_wal_pass(p->wal, p->ckpt), 0);
    assert_int_equal(db_wal_pass(p->wal, p->db), 0);
    assert_int_equal(commit(p, 1), 0);
    assert_true(db_wal_may(p->wal));
    assert_int_equal(db_wal_pass(p->wal, p->db), 1);
}

static void commit_that_began_before_the_pass_does_not_lift_the_ban(void **state)
{
    ROLE_ENTER_WORKER();
    struct place *p = *state;
    assert_int_equal(commit(p, 1), 0);
    db_wal_begin(p->wal);
    assert_int_equal(db_wal_pass(p->wal, p->ckpt), 1);
    db_wal_finish(p->wal, p->db, true);
    assert_false(db_wal_may(p->wal));
    db_wal_begin(p->wal);
    db_wal_finish(p->wal, p->db, false); /* rolled back: it may have reset, but did not finish */
    assert_false(db_wal_may(p->wal));
    assert_int_equal(commit(p, 1), 0);
    assert_true(db_wal_may(p->wal));
}

static void pass_held_up_by_a_reader_is_not_full(void **state)
{
    ROLE_ENTER_WORKER();
    struct place *p = *state;
    assert_int_equal(commit(p, 5), 0);
    struct db_q q;
    db_q(&q, p->reader, "SELECT k FROM t");
    assert_true(db_row(&q));
    assert_int_equal(commit(p, 5), 0);
    assert_int_equal(db_wal_pass(p->wal, p->ckpt), 0);
    assert_true(db_wal_may(p->wal));
    assert_int_equal(db_end(&q), 0);
    assert_int_equal(db_wal_pass(p->wal, p->ckpt), 1);
}

static void *checkpointer(void *arg)
{
    ROLE_ENTER_WORKER();
    struct place *p = arg;
    while (!atomic_load(&p->stop)) {
        if (db_wal_pass(p->wal, p->ckpt) < 0)
            return p;
        p->passes++;
    }
    return NULL;
}

static void passes_beside_the_writer_keep_the_log_short_and_the_file_whole(void **state)
{
    ROLE_ENTER_WORKER();
    struct place *p = *state;
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, checkpointer, p), 0);
    int64_t most = 0;
    for (int i = 0; i < 600; i++) {
        if (commit(p, 20))
            break;
        int64_t bytes = db_wal_bytes(p->wal);
        most = bytes > most ? bytes : most;
        if (bytes > 256 * 1024) {
            int rc = db_wal_pass(p->wal, p->db);
            assert_true(rc >= 0);
        }
    }
    atomic_store(&p->stop, true);
    void *said = NULL;
    pthread_join(t, &said);
    assert_null(said);
    assert_true(most < INT64_C(8) * 1024 * 1024);
    int64_t n = 0;
    assert_int_equal(db_number(p->reader, "SELECT count(*) FROM t", &n), 0);
    assert_int_equal(n, 12000);
    struct db_q q;
    char text[64] = "";
    db_q(&q, p->reader, "PRAGMA integrity_check");
    if (db_row(&q))
        db_get_text(&q, text, sizeof text);
    assert_int_equal(db_end(&q), 0);
    assert_string_equal(text, "ok");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(none_begins_between_a_full_pass_and_the_next_commit),
        T(commit_that_began_before_the_pass_does_not_lift_the_ban),
        T(pass_held_up_by_a_reader_is_not_full),
        T(passes_beside_the_writer_keep_the_log_short_and_the_file_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
