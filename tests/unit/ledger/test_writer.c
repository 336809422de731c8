/* The writer: group commit, what happens when the store fails or the process dies, who is woken. */
#include "book.h"
#include "ledger/job.h"
#include <setjmp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the store fails ---- */

static void store_failing_before_commit_leaves_nothing(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    int64_t rows = book_number(b, "SELECT count(*) FROM journal");
    const char *why = NULL;
    assert_true(ledger_healthy(b->l, &why));
    atomic_store(&b->fail_with, OC_EDB);
    book_purchase(b, 100);
    assert_int_equal(book_do(b), OC_EDB);
    assert_int_equal(b->op->intent.txn, 0);
    assert_false(ledger_healthy(b->l, &why));
    assert_true(why[0] != '\0');
    assert_int_equal(book_number(b, "SELECT count(*) FROM journal"), rows);
    assert_int_equal(book_card(b)->r.purse_debits_pending, 0);
    atomic_store(&b->fail_with, 0);
    assert_true(book_buy(b, 100) != 0); /* hot rows were read again */
    assert_true(ledger_healthy(b->l, &why));
    assert_int_equal(book_account(b, ACCT_MERCHANT, "P1").credits_posted, 100);
}

static void store_comes_back_by_itself(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    atomic_store(&b->fail_with, OC_EDB_FULL);
    book_purchase(b, 100);
    assert_int_equal(book_do(b), OC_EDB_FULL);
    assert_false(ledger_healthy(b->l, NULL));
    usleep(1200 * 1000);
    assert_false(ledger_healthy(b->l, NULL)); /* probed, still failing */
    atomic_store(&b->fail_with, 0);
    for (int i = 0; i < 50 && !ledger_healthy(b->l, NULL); i++)
        usleep(100 * 1000);
    assert_true(ledger_healthy(b->l, NULL));
}

static void full_disk_refuses_whole_batches_and_nothing_is_half_written(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    assert_int_equal(db_limit_pages(b->l->db, 3), 0);
    int rc = 0;
    unsigned done = 0;
    for (; done < 1000 && !rc; done++) {
        struct op_intent *in = book_purchase(b, 1);
        memset(in->plan, 'x', sizeof in->plan - 1);
        rc = book_do(b);
        if (!rc)
            rc = book_outcome(b, b->op->intent.txn, OC_TXN_VOIDED, EV_NOT_SENT);
    }
    assert_int_equal(rc, OC_EDB_FULL);
    assert_false(ledger_healthy(b->l, NULL));
    assert_string_equal(book_fault(b), "");
    assert_int_equal(db_limit_pages(b->l->db, 0), 0);
    int64_t open = book_card(b)->r.open_txn;
    if (open)
        assert_int_equal(book_outcome(b, open, OC_TXN_VOIDED, EV_NOT_SENT), 0);
    assert_true(book_buy(b, 100) != 0);
}

/* One batch of three operations: the writer may not begin before all of them wait. */
static void queue_at_once(struct ledger *l, struct ledger_job **jobs, unsigned n)
{
    pthread_mutex_lock(&l->mu);
    for (unsigned i = 0; i < n; i++) {
        *l->last = jobs[i];
        l->last = &jobs[i]->next;
        l->queued++;
    }
    runner_wake(l->writer);
    while (!jobs[n - 1]->done)
        pthread_cond_wait(&l->done, &l->mu);
    pthread_mutex_unlock(&l->mu);
}

static struct ledger_job *seen_job(struct book *b, struct ledger_op *op)
{
    struct op_seen *s = &book_op(b, LOP_SEEN)->seen;
    s->card = b->card;
    s->seen = b->chip;
    *op = *b->op;
    return job_new(op);
}

static WORKER_FN void edit(struct book *b, const char *sql);

static void operation_that_does_not_fit_fails_alone_and_the_ledger_stays_healthy(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    int64_t rows = book_number(b, "SELECT count(*) FROM journal");
    static struct ledger_op ops[2];
    struct ledger_job *jobs[3];
    jobs[0] = seen_job(b, &ops[0]);
    jobs[2] = seen_job(b, &ops[1]);
    struct ledger_op *op = book_op(b, LOP_EVENT);
    snprintf(op->event.item.kind, sizeof op->event.item.kind, "test");
    jobs[1] = job_new(op);
    edit(b, "INSERT INTO event VALUES (3, 1, 0, 0, 0, '', 'in the way', '')");
    log_set_stream(fopen("/dev/null", "w"));
    queue_at_once(b->l, jobs, 3);
    log_set_stream(NULL);
    edit(b, "DELETE FROM event");
    int rc[3];
    for (unsigned i = 0; i < 3; i++)
        rc[i] = job_answer(jobs[i]);
    assert_int_equal(rc[0], 0);
    assert_int_equal(rc[1], OC_EDB);
    assert_int_equal(rc[2], 0);
    assert_true(ledger_healthy(b->l, NULL));
    assert_int_equal(book_number(b, "SELECT count(*) FROM journal"), rows + 2);
    assert_true(book_buy(b, 100) != 0);
}

static void batch_on_a_failing_store_is_not_tried_one_by_one_to_its_end(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    static struct ledger_op ops[3];
    struct ledger_job *jobs[3];
    for (unsigned i = 0; i < 3; i++)
        jobs[i] = seen_job(b, &ops[i]);
    atomic_store(&b->fail_with, OC_EDB);
    queue_at_once(b->l, jobs, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(job_answer(jobs[i]), OC_EDB);
    assert_false(ledger_healthy(b->l, NULL));
    atomic_store(&b->fail_with, 0);
    assert_true(book_buy(b, 100) != 0);
    assert_true(ledger_healthy(b->l, NULL));
}

/* ---- flows ---- */

#define FLOWS 64
struct crowd {
    struct book *b;
    int rc[FLOWS];
    int64_t txn[FLOWS];
    unsigned next;
};

static CO_FN int one_flow(void *arg)
{
    struct crowd *w = arg;
    unsigned i = w->next++;
    struct ledger_op *op = calloc(1, sizeof *op);
    if (!op)
        return OC_ENOMEM;
    op->type = i % 8 == 7 ? LOP_SEEN : LOP_EVENT; /* one in eight is refused: no such card */
    snprintf(op->who, sizeof op->who, "flow");
    snprintf(op->event.item.kind, sizeof op->event.item.kind, "test");
    if (op->type == LOP_SEEN)
        op->seen.card = 1;
    w->rc[i] = ledger_co_submit(w->b->l, op);
    free(op);
    return 0;
}

static CO_FN int start_all(void *arg)
{
    struct crowd *w = arg;
    struct flow *flows[FLOWS];
    for (unsigned i = 0; i < FLOWS; i++) {
        if (flow_start(flow_loop(), "one", one_flow, w, &flows[i]))
            return OC_ENOMEM;
        if (i == 5)
            flow_cancel(flows[i]); /* an operation cannot be cancelled */
    }
    for (unsigned i = 0; i < FLOWS; i++) {
        int rc = flow_co_join(flows[i], NULL, FLOW_FOREVER);
        flow_put(flows[i]);
        if (rc)
            return rc;
    }
    return 0;
}

static void group_commit_wakes_every_flow_with_its_own_result(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    book_close(b);
    struct loop *loop = NULL;
    assert_int_equal(loop_new(&loop, NULL), 0);
    struct ledger_opts o = {
        .path = b->path, .loop = loop, .clock = &b->clock.c, .chain_key = b->key};
    assert_int_equal(ledger_open(&o, &b->l), 0);
    struct crowd *w = calloc(1, sizeof *w);
    w->b = b;
    int rc = loop_run_flow(loop, "start", start_all, w);
    struct ledger_stats s;
    ledger_stats(b->l, &s);
    ledger_close(&b->l);
    loop_free(&loop);
    int bad = 0;
    for (unsigned i = 0; i < FLOWS; i++)
        bad += w->rc[i] != (i % 8 == 7 ? OC_ENOENT : 0);
    free(w);
    assert_int_equal(rc, 0);
    assert_int_equal(bad, 0);
    assert_int_equal(s.ops, FLOWS - FLOWS / 8);
    assert_true(s.batches < s.ops);
    assert_int_equal(book_open(b), 0);
}

/* ---- threads ---- */

struct hand {
    struct book *b;
    unsigned done, failed;
};

static void *hammer(void *arg)
{
    ROLE_ENTER_WORKER();
    struct hand *h = arg;
    struct ledger_op *op = calloc(1, sizeof *op);
    for (unsigned i = 0; op && i < 50; i++) {
        memset(op, 0, sizeof *op);
        op->type = LOP_EVENT;
        snprintf(op->who, sizeof op->who, "thread");
        snprintf(op->event.item.kind, sizeof op->event.item.kind, "test");
        if (ledger_submit(h->b->l, op))
            h->failed++;
        else
            h->done++;
    }
    free(op);
    return NULL;
}

static void batch_survives_refusals_and_keeps_order(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    struct hand hands[8] = {0};
    pthread_t t[8];
    for (int i = 0; i < 8; i++) {
        hands[i].b = b;
        assert_int_equal(pthread_create(&t[i], NULL, hammer, &hands[i]), 0);
    }
    for (int i = 0; i < 20; i++)
        assert_true(book_buy(b, 1) != 0);
    unsigned done = 0;
    for (int i = 0; i < 8; i++) {
        pthread_join(t[i], NULL);
        assert_int_equal(hands[i].failed, 0);
        done += hands[i].done;
    }
    assert_int_equal(done, 400);
    assert_true(atomic_load(&b->largest) > 1);
    assert_int_equal(book_number(b, "SELECT count(*) FROM event"), 400);
    assert_int_equal(
        book_number(b, "SELECT max(seq) - (SELECT count(*) FROM journal) FROM journal"), 0);
}

/* ---- death ---- */

static WORKER_FN void work_until_killed(struct book *b, int fd)
{
    b->l = NULL;
    b->db = NULL;
    if (book_open(b))
        _exit(1);
    for (;;) {
        int64_t txn = book_buy(b, 1);
        if (!txn || write(fd, &txn, sizeof txn) != sizeof txn)
            _exit(2);
        if (book_charge(b, 1) == 0)
            _exit(3);
    }
}

static WORKER_FN int settle_doubt(struct book *b)
{
    int64_t open = book_card(b)->r.open_txn;
    if (!open)
        return 0;
    int rc = book_outcome(b, open, OC_TXN_IN_DOUBT, EV_NONE);
    return rc ? rc : book_outcome(b, open, OC_TXN_VOIDED, EV_COUNTER);
}

static void R4_killed_at_any_time_every_acknowledged_posting_is_there(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    for (unsigned round = 0; round < 6; round++) {
        b->chip = book_card(b)->r.last;
        book_close(b);
        int fds[2];
        assert_int_equal(pipe(fds), 0);
        pid_t pid = fork();
        if (pid == 0) {
            close(fds[0]);
            work_until_killed(b, fds[1]);
        }
        close(fds[1]);
        if (round == 5) { /* at work, on however slow a machine */
            struct pollfd first = {.fd = fds[0], .events = POLLIN};
            assert_int_equal(poll(&first, 1, 20000), 1);
        }
        usleep(60000 + 23000 * round);
        kill(pid, SIGKILL);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        assert_string_equal(book_fault(b), "");
        assert_int_equal(book_open(b), 0);
        int64_t txn;
        unsigned seen = 0;
        while (read(fds[0], &txn, sizeof txn) == sizeof txn) {
            assert_int_equal(book_txn(b, txn).state, OC_TXN_POSTED);
            seen++;
        }
        close(fds[0]);
        assert_int_equal(settle_doubt(b), 0);
        if (round == 5)
            assert_true(seen > 0);
    }
}

/* ---- opening ---- */

static WORKER_FN int reopen(struct book *b)
{
    int rc = book_open(b);
    if (rc)
        b->l = NULL;
    return rc;
}

static WORKER_FN void edit(struct book *b, const char *sql)
{
    struct db *db = NULL;
    assert_int_equal(db_open(b->path, DB_WRITE, &db), 0);
    assert_int_equal(db_exec(db, sql), 0);
    db_close(&db);
}

static void chain_end_that_does_not_verify_is_refused(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    static const char *const edits[] = {
        ("UPDATE journal SET op = CAST(op || x'00' AS BLOB) WHERE seq = (SELECT max(seq) FROM "
         "journal)"),
        "DELETE FROM journal WHERE seq = (SELECT max(seq) FROM journal)",
        "DELETE FROM journal WHERE seq = 3",
        "UPDATE head SET tag = zeroblob(32)",
        "DELETE FROM head",
    };
    book_close(b);
    char copy[128];
    snprintf(copy, sizeof copy, "%s/copy.db", b->dir);
    struct db *db = NULL;
    assert_int_equal(db_open(b->path, DB_READ, &db), 0);
    assert_int_equal(db_copy_to(db, copy), 0);
    db_close(&db);
    for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
        edit(b, edits[i]);
        log_set_stream(fopen("/dev/null", "w"));
        assert_int_equal(reopen(b), OC_ECHAIN);
        log_set_stream(NULL);
        char wal[128];
        snprintf(wal, sizeof wal, "%s-wal", b->path);
        unlink(wal);
        assert_int_equal(unlink(b->path), 0);
        assert_int_equal(link(copy, b->path), 0);
        unlink(copy);
        assert_int_equal(db_open(b->path, DB_READ, &db), 0);
        assert_int_equal(db_copy_to(db, copy), 0);
        db_close(&db);
    }
    assert_int_equal(reopen(b), 0);
}

static void another_key_and_a_clock_gone_back_are_refused(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    book_close(b);
    log_set_stream(fopen("/dev/null", "w"));
    b->key[0] ^= 1;
    assert_int_equal(reopen(b), OC_ECHAIN);
    b->key[0] ^= 1;
    atomic_fetch_add(&b->clock.ms, -6000);
    assert_int_equal(reopen(b), OC_ESTATE);
    log_set_stream(NULL);
    atomic_fetch_add(&b->clock.ms, 2000); /* 4 s are forgiven, and time never runs back in rows */
    assert_int_equal(reopen(b), 0);
    assert_true(book_buy(b, 1) != 0);
    assert_int_equal(book_number(b, "SELECT last_at_ms FROM site"),
                     atomic_load(&b->clock.ms) + 4000);
}

static void the_proof_itself_finds_a_changed_table(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    assert_true(book_buy(b, 100) != 0);
    assert_string_equal(book_fault(b), "");
    edit(b, "UPDATE card SET purse_credits = purse_credits + 1");
    assert_true(book_fault(b)[0] != '\0');
    edit(b, "UPDATE card SET purse_credits = purse_credits - 1");
    assert_string_equal(book_fault(b), "");
}

static void created_once_only(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    const struct ledger_opts o = {.path = b->path, .clock = &b->clock.c, .chain_key = b->key};
    const struct op_site site = {.shard = 1, .first_day = BOOK_DAY};
    assert_int_equal(ledger_create(&o, &site), OC_EEXIST);
    struct ledger *l = NULL;
    const struct ledger_opts none = {
        .path = "/nonexistent/x", .clock = &b->clock.c, .chain_key = b->key};
    assert_int_equal(ledger_open(&none, &l), OC_ENOENT);
}

static void one_ledger_is_opened_once_at_a_time(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    struct ledger *l = NULL;
    const struct ledger_opts o = {.path = b->path, .clock = &b->clock.c, .chain_key = b->key};
    assert_int_equal(ledger_open(&o, &l), OC_EBUSY);
    assert_null(l);
    book_close(b);
    assert_int_equal(ledger_open(&o, &l), 0);
    ledger_close(&l);
    assert_int_equal(book_open(b), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, book_setup, book_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(store_failing_before_commit_leaves_nothing),
        T(store_comes_back_by_itself),
        T(operation_that_does_not_fit_fails_alone_and_the_ledger_stays_healthy),
        T(batch_on_a_failing_store_is_not_tried_one_by_one_to_its_end),
        T(full_disk_refuses_whole_batches_and_nothing_is_half_written),
        T(group_commit_wakes_every_flow_with_its_own_result),
        T(batch_survives_refusals_and_keeps_order),
        T(R4_killed_at_any_time_every_acknowledged_posting_is_there),
        T(chain_end_that_does_not_verify_is_refused),
        T(another_key_and_a_clock_gone_back_are_refused),
        T(the_proof_itself_finds_a_changed_table),
        T(created_once_only),
        T(one_ledger_is_opened_once_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
