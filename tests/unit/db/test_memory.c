/* Memory that runs out while a row is read: a value that could not be fetched is an error, never an
 * empty value. */
#include "db/db.h"
#include "faults.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LONG 20000 /* more than a page holds: it is put together when it is asked for */

static WORKER_FN int fill(struct db *db)
{
    static char text[LONG + 1];
    struct db_q q;
    memset(text, 'x', LONG);
    int rc = db_exec(db, "CREATE TABLE t (k INTEGER PRIMARY KEY, s TEXT, b BLOB) STRICT");
    if (rc)
        return rc;
    db_q(&q, db, "INSERT INTO t (k, s, b) VALUES (1, ?1, ?2)");
    db_put_text(&q, text);
    db_put_blob(&q, text, LONG);
    return db_end(&q);
}

struct seen {
    size_t text, blob;
};

static WORKER_FN int look(struct db *db, struct seen *ret)
{
    static char text[LONG + 1];
    struct db_q q;
    *ret = (struct seen){0};
    db_q(&q, db, "SELECT s, b FROM t");
    if (db_row(&q)) {
        db_get_text(&q, text, sizeof text);
        ret->text = strlen(text);
        (void)db_get_blob(&q, &ret->blob);
    }
    return db_end(&q);
}

static void value_without_memory_is_an_error_and_not_empty(void **state)
{
    ROLE_ENTER_WORKER();
    struct db *db = NULL;
    struct seen seen;
    struct faults_seen f = {.struck = 1};
    unsigned long n = 0;
    unsigned failed = 0;
    (void)state;
    log_set_level(LOG_ERROR);
    log_set_stream(fopen("/dev/null", "w"));
    assert_int_equal(db_open(NULL, DB_MEMORY, &db), 0);
    assert_int_equal(fill(db), 0);
    assert_int_equal(look(db, &seen), 0); /* the statement is there already */
    while (f.struck > 0) {
        faults_arm(&(struct faults){.kinds = FAULTS_OWN | FAULTS_MEMORY, .at = ++n});
        int rc = look(db, &seen);
        f = faults_disarm();
        if (rc == 0 && (seen.text != LONG || seen.blob != LONG))
            fail_msg("at %lu: %zu and %zu bytes, and no error", n, seen.text, seen.blob);
        assert_true(rc == 0 || rc == OC_ENOMEM);
        failed += rc != 0;
    }
    assert_true(failed > 0);
    db_close(&db);
}

static WORKER_FN int64_t rows(struct db *db)
{
    int64_t n = -1;
    int rc = db_number(db, "SELECT count(*) FROM t", &n);
    return rc ? rc : n;
}

/* The transaction was not undone: what it wrote must not be seen, and the next one must work. */
static void R2_rollback_without_memory_is_made_up_for_before_anything_is_read(void **state)
{
    ROLE_ENTER_WORKER();
    (void)state;
    for (unsigned first = 1; first <= 3; first++) {
        struct db *db = NULL;
        struct db_tx tx;
        assert_int_equal(db_open(NULL, DB_MEMORY, &db), 0);
        assert_int_equal(fill(db), 0);
        assert_int_equal(rows(db), 1);
        assert_int_equal(db_tx_begin(&tx, db), 0);
        assert_int_equal(db_exec(db, "INSERT INTO t (k) VALUES (2)"), 0);
        faults_arm(&(struct faults){.kinds = FAULTS_OWN | FAULTS_MEMORY, .at = first, .on = true});
        db_tx_rollback(&tx);
        int rc = db_tx_begin(&tx, db);
        int64_t n = rows(db);
        (void)faults_disarm();
        assert_true(n == 1 || n < 0);
        if (rc == 0)
            db_tx_rollback(&tx);
        assert_int_equal(rows(db), 1);
        assert_int_equal(db_tx_begin(&tx, db), 0);
        assert_int_equal(db_exec(db, "INSERT INTO t (k) VALUES (3)"), 0);
        assert_int_equal(db_tx_commit(&tx), 0);
        assert_int_equal(rows(db), 2);
        db_close(&db);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(value_without_memory_is_an_error_and_not_empty),
        cmocka_unit_test(R2_rollback_without_memory_is_made_up_for_before_anything_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
