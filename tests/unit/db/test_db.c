/* Connections, statements, transactions whose error sticks, schema steps. */
#include "db/db.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
    char dir[64], path[96];
    struct db *db;
};

static int setup(void **state)
{
    ROLE_ENTER_WORKER();
    struct place *p = calloc(1, sizeof *p);
    if (!p)
        return -1;
    *state = p;
    strcpy(p->dir, ONECARD_SCRATCH "/onecard-db-XXXXXX");
    if (!mkdtemp(p->dir))
        return -1;
    snprintf(p->path, sizeof p->path, "%s/t%%.db", p->dir);
    int rc = db_open(p->path, DB_CREATE, &p->db);
    return rc ? rc
              : db_exec(p->db, "CREATE TABLE t (k INTEGER PRIMARY KEY, s TEXT, b BLOB) STRICT");
}

static int teardown(void **state)
{
    ROLE_ENTER_WORKER();
    struct place *p = *state;
    static const char *const ends[] = {"", "-wal", "-shm", "2"};
    db_close(&p->db);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        char name[128];
        snprintf(name, sizeof name, "%s%s", p->path, ends[i]);
        unlink(name);
    }
    rmdir(p->dir);
    free(p);
    return 0;
}

static void quiet(bool on)
{
    log_set_stream(on ? fopen("/dev/null", "w") : NULL);
}

static WORKER_FN int put(struct db *db, int64_t k, const char *s)
{
    struct db_q q;
    db_q(&q, db, "INSERT INTO t (k, s, b) VALUES (?1, ?2, ?3)");
    db_put_i64(&q, k);
    db_put_text(&q, s);
    db_put_blob(&q, "\0\1", 2);
    return db_end(&q);
}

static WORKER_FN int64_t count(struct db *db)
{
    int64_t n = -1;
    return db_number(db, "SELECT count(*) FROM t", &n) ? -1 : n;
}

static void values_come_back_as_they_went_in(void **state)
{
    ROLE_ENTER_WORKER();
    struct place *p = *state;
    assert_int_equal(put(p->db, INT64_MIN, "text"), 0);
    assert_int_equal(put(p->db, 2, NULL), 0);
    struct db_q q;
    db_q(&q, p->db, "SELECT k, s, b, b FROM t ORDER BY k");
    assert_true(db_row(&q));
    assert_true(db_get_i64(&q) == INT64_MIN);
    char s[8];
    db_get_text(&q, s, sizeof s);
    assert_string_equal(s, "text");
    uint8_t two[2];
    db_get_fixed(&q, two, sizeof two);
    assert_memory_equal(two, "\0\1", 2);
    size_t len;
    assert_memory_equal(db_get_blob(&q, &len), "\0\1", 2);
    assert_int_equal(len, 2);
    assert_true(db_row(&q));
    db_skip(&q);
    db_get_text(&q, s, sizeof s);
    assert_string_equal(s, "");
    assert_false(db_row(&q));
    assert_int_equal(db_end(&q), 0);
}

static void value_that_does_not_fit_is_an_error_not_a_cut(void **state)
{
    ROLE_ENTER_WORKER();
    struct place *p = *state;
    assert_int_equal(put(p->db, 1, "a text of some length"), 0);
    quiet(true);
    char s[8];
    struct db_q q;
    db_q(&q, p->db, "SELECT s FROM t");
    assert_true(db_row(&q));
    db_get_text(&q, s, sizeof s);
    assert_string_equal(s, "");
    assert_int_equal(db_end(&q), OC_EDB_CORRUPT);
    uint8_t three[3];
    db_q(&q, p->db, "SELECT b FROM t");
    assert_true(db_row(&q));
    db_get_fixed(&q, three, sizeof three);
    assert_int_equal(db_end(&q), OC_EDB_CORRUPT);
    quiet(false);
}

static void transaction_error_sticks_and_undoes_all(void **state)
{
    ROLE_ENTER_WORKER();
    struct place *p = *state;
    struct db_tx tx;
    quiet(true);
    assert_int_equal(db_tx_begin(&tx, p->db), 0);
    assert_int_equal(put(p->db, 1, "a"), 0);
    assert_int_equal(put(p->db, 1, "the same key"), OC_EDB);
    assert_int_equal(put(p->db, 2, "b"), OC_EDB); /* not even tried */
    assert_int_equal(db_tx_commit(&tx), OC_EDB);
    quiet(false);
    assert_int_equal(count(p->db), 0);
    assert_int_equal(db_tx_begin(&tx, p->db), 0);
    assert_int_equal(put(p->db, 1, "a"), 0);
    assert_int_equal(db_tx_commit(&tx), 0);
    db_tx_rollback(&tx); /* harmless */
    assert_int_equal(count(p->db), 1);
    assert_int_equal(db_tx_begin(&tx, p->db), 0);
    assert_int_equal(put(p->db, 2, "b"), 0);
    db_tx_rollback(&tx);
    assert_int_equal(count(p->db), 1);
}

static void full_store_says_so_and_works_again(void **state)
{
    ROLE_ENTER_WORKER();
    struct place *p = *state;
    char *big = calloc(1, 100000);
    memset(big, 'x', 99999);
    assert_int_equal(db_limit_pages(p->db, 2), 0);
    quiet(true);
    assert_int_equal(put(p->db, 1, big), OC_EDB_FULL);
    quiet(false);
    assert_int_equal(db_limit_pages(p->db, 0), 0);
    assert_int_equal(put(p->db, 1, big), 0);
    free(big);
}

static void opening_tells_what_is_wrong(void **state)
{
    ROLE_ENTER_WORKER();
    struct place *p = *state;
    struct db *db = NULL;
    assert_int_equal(db_open(p->path, DB_CREATE, &db), OC_EEXIST);
    assert_int_equal(db_open("/nonexistent/x", DB_WRITE, &db), OC_ENOENT);
    char other[128];
    snprintf(other, sizeof other, "%s2", p->path);
    FILE *f = fopen(other, "w");
    assert_non_null(f);
    for (int i = 0; i < 1000; i++)
        fputs("this is no database ", f);
    fclose(f);
    quiet(true);
    assert_int_equal(db_open(other, DB_WRITE, &db), OC_EDB_CORRUPT);
    quiet(false);
    assert_null(db);
}

static void readers_cannot_write(void **state)
{
    ROLE_ENTER_WORKER();
    struct place *p = *state;
    struct db *r = NULL;
    assert_int_equal(db_open(p->path, DB_READ, &r), 0);
    assert_int_equal(put(p->db, 1, "a"), 0);
    assert_int_equal(count(r), 1);
    quiet(true);
    assert_int_equal(put(r, 2, "b"), OC_EDB);
    quiet(false);
    db_close(&r);
}

static void schema_steps_run_once_and_newer_files_are_refused(void **state)
{
    ROLE_ENTER_WORKER();
    struct place *p = *state;
    static const struct db_step steps[] = {
        {1, "CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1)"},
        {2, "CREATE TABLE b (x INTEGER) STRICT"},
        {3, "CREATE TABLE c (x INTEGER) STRICT; nonsense"},
    };
    assert_int_equal(db_migrate(p->db, steps, 1), 0);
    assert_int_equal(db_migrate(p->db, steps, 2), 0);
    int64_t v;
    assert_int_equal(db_number(p->db, "SELECT count(*) FROM a", &v), 0);
    assert_int_equal(v, 1);
    quiet(true);
    assert_int_equal(db_migrate(p->db, steps, 3), OC_EDB);
    assert_int_equal(db_version(p->db, &v), 0);
    assert_int_equal(v, 2); /* the broken step left nothing */
    assert_int_equal(db_number(p->db, "SELECT count(*) FROM sqlite_schema WHERE name = 'c'", &v),
                     0);
    assert_int_equal(v, 0);
    assert_int_equal(db_migrate(p->db, steps, 1), OC_EDB_SCHEMA);
    quiet(false);
}

static void copy_is_whole_and_never_overwrites(void **state)
{
    ROLE_ENTER_WORKER();
    struct place *p = *state;
    char other[128];
    snprintf(other, sizeof other, "%s2", p->path);
    assert_int_equal(put(p->db, 1, "a"), 0);
    assert_int_equal(db_copy_to(p->db, other), 0);
    assert_int_equal(db_copy_to(p->db, other), OC_EEXIST);
    struct db *c = NULL;
    assert_int_equal(db_open(other, DB_IMMUTABLE, &c), 0);
    assert_int_equal(count(c), 1);
    db_close(&c);
}

static void hundreds_of_statements_share_the_cache(void **state)
{
    ROLE_ENTER_WORKER();
    struct place *p = *state;
    static char sql[400][40];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 400; i++) {
            snprintf(sql[i], sizeof sql[i], "SELECT %d", i);
            int64_t n = -1;
            assert_int_equal(db_number(p->db, sql[i], &n), 0);
            assert_int_equal(n, i);
        }
    }
    snprintf(sql[0], sizeof sql[0], "SELECT 77"); /* another text at the same address */
    int64_t n = -1;
    assert_int_equal(db_number(p->db, sql[0], &n), 0);
    assert_int_equal(n, 77);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
static void long_statement_ends_once_it_is_told_to_stop(void **state)
{
    ROLE_ENTER_WORKER();
    struct place *p = *state;
    static const char endless[] = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c)"
                                  " SELECT max(n) FROM c";
    atomic_bool stop = true;
    int64_t n;
    db_stop_when(p->db, &stop);
    assert_int_equal(db_number(p->db, endless, &n), OC_ECANCELED);
    stop = false;
    assert_int_equal(db_exec(p->db, "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c"
                                    " LIMIT 50000) INSERT INTO t (k) SELECT n FROM c"),
                     0);
    stop = true;
    char copy[128], sql[160];
    snprintf(copy, sizeof copy, "%s2", p->path);
    snprintf(sql, sizeof sql, "VACUUM INTO '%s'", copy);
    assert_int_equal(db_exec(p->db, sql), OC_ECANCELED);
    stop = false;
    assert_int_equal(db_number(p->db, "SELECT 7", &n), 0);
    db_stop_when(p->db, NULL);
    assert_int_equal(db_number(p->db, "SELECT 8", &n), 0);
    assert_int_equal(n, 8);
}

/* More than the pages in memory and the kept piece of the log hold: what spills is read back, and
 * what is committed is there for others at once. */
static WORKER_FN int write_much(struct db *db, int rows, int salt)
{
    static uint8_t bytes[3000];
    struct db_q q;
    int rc = 0;
    for (int i = 0; i < rows && !rc; i++) {
        memset(bytes, i + salt, sizeof bytes);
        db_q(&q, db, "INSERT OR REPLACE INTO much (k, b) VALUES (?1, ?2)");
        db_put_i64(&q, (int64_t)i * 7919 % rows);
        db_put_blob(&q, bytes, sizeof bytes);
        rc = db_end(&q);
    }
    return rc;
}

static void large_transactions_spill_and_are_read_back(void **state)
{
    ROLE_ENTER_WORKER();
    struct place *p = *state;
    struct db *other = NULL;
    int64_t n = -1;
    assert_int_equal(db_exec(p->db, "CREATE TABLE much (k INTEGER PRIMARY KEY, b BLOB) STRICT;"
                                    "PRAGMA cache_size=20"),
                     0);
    assert_int_equal(db_open(p->path, DB_READ, &other), 0);
    struct db_tx tx;
    for (int round = 0; round < 4; round++) {
        assert_int_equal(db_tx_begin(&tx, p->db), 0);
        assert_int_equal(write_much(p->db, 2000, round), 0);
        assert_int_equal(db_number(p->db, "SELECT count(*) FROM much WHERE length(b) = 3000", &n),
                         0);
        assert_int_equal(n, 2000);
        if (round == 2) {
            db_tx_rollback(&tx);
            continue;
        }
        assert_int_equal(db_tx_commit(&tx), 0);
        assert_int_equal(
            db_number(other, "SELECT count(DISTINCT hex(substr(b, 1, 1))) FROM much", &n), 0);
        assert_int_equal(n, 256);
    }
    assert_int_equal(db_number(other,
                               "SELECT count(*) FROM pragma_integrity_check WHERE "
                               "integrity_check = 'ok'",
                               &n),
                     0);
    assert_int_equal(n, 1);
    db_close(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(values_come_back_as_they_went_in),
        T(value_that_does_not_fit_is_an_error_not_a_cut),
        T(transaction_error_sticks_and_undoes_all),
        T(full_store_says_so_and_works_again),
        T(opening_tells_what_is_wrong),
        T(readers_cannot_write),
        T(schema_steps_run_once_and_newer_files_are_refused),
        T(copy_is_whole_and_never_overwrites),
        T(hundreds_of_statements_share_the_cache),
        T(long_statement_ends_once_it_is_told_to_stop),
        T(large_transactions_spill_and_are_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
