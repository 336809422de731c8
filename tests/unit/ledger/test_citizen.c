/* Citizens' keys, what is forgotten and when (R20); reading documents, holds, the outbox and
 * institutions' keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger/internal.h"
#include "ledger_fixture.h"
#include <stdlib.h>

#define SET(field, text) ((void)snprintf((field), sizeof(field), "%s", (text)))
#define ROWS             8

struct world {
    struct ledger_fixture f;
    struct arena arena;
    int rc[8];
    unsigned n[4];
    const char *id;
    uint8_t what;
    int64_t number;
    struct citizen_key_row key;
    struct citizen_row citizen[ROWS];
    struct record_row record;
    char record_key[40];
    struct message_row message[ROWS], one;
    struct hold_row hold[ROWS], hold_one;
    uint8_t public_key[32];
    struct txn_row *txn;
};

static int setup(void **state)
{
    ROLE_ENTER_WORKER();
    struct world *w = calloc(1, sizeof *w);
    if (!w)
        return -1;
    *state = w;
    w->txn = calloc(1, sizeof *w->txn);
    arena_init(&w->arena, 0);
    int rc = fixture_open(&w->f);
    struct op_citizen *c = &fixture_op(&w->f, LOP_CITIZEN)->citizen;
    SET(c->id, "C1");
    c->sealed_len = 40;
    memset(c->search, 0x5e, sizeof c->search);
    return rc ? rc : fixture_do(&w->f);
}

static int teardown(void **state)
{
    ROLE_ENTER_WORKER();
    struct world *w = *state;
    struct ledger_report report = {0};
    fixture_stop(&w->f);
    int rc = ledger_verify_file(w->f.path, w->f.key, NULL, NULL, &report);
    if (report.faults)
        (void)fprintf(stderr, "ledger: %s\n", report.first_fault);
    fixture_close(&w->f);
    arena_fini(&w->arena);
    free(w->txn);
    free(w);
    return rc || report.faults ? -1 : 0;
}

/* ---- keys ---- */

static CO_FN int add_key(void *arg)
{
    struct world *w = arg;
    return ledger_co_citizen_key_add(w->f.l, w->id, w->what, &w->key);
}

static CO_FN int read_key(void *arg)
{
    struct world *w = arg;
    return ledger_co_citizen_key(w->f.l, w->id, w->what, &w->key);
}

static int key(struct world *w, int (*fn)(void *), const char *id, uint8_t what, uint8_t byte)
{
    w->id = id;
    w->what = what;
    memset(&w->key, 0, sizeof w->key);
    memset(w->key.sealed, byte, 60);
    w->key.sealed_len = 60;
    return fixture_flow(&w->f, fn, w);
}

static WORKER_FN int erase(struct world *w, const char *id, uint8_t what, date_t until)
{
    struct op_erased *e = &fixture_op(&w->f, LOP_ERASED)->erased;
    SET(e->citizen, id);
    e->what = what;
    e->due = until;
    SET(e->why, "asked for it");
    return fixture_do(&w->f);
}

static WORKER_FN int64_t number(struct world *w, const char *sql)
{
    struct db *db = NULL;
    int64_t n = -1;
    assert_int_equal(db_open(w->f.path, DB_READ, &db), 0);
    int rc = db_number(db, sql, &n);
    db_close(&db);
    return rc ? -1 : n;
}

static void key_is_kept_once_and_read_back(void **state)
{
    ROLE_ENTER_WORKER();
    struct world *w = *state;
    assert_int_equal(key(w, read_key, "C9", 1, 0), OC_ENOENT);
    assert_int_equal(key(w, add_key, "C9", 1, 7), 0); /* before the citizen's own row */
    assert_int_equal(key(w, add_key, "C9", 1, 8), OC_EEXIST);
    assert_int_equal(key(w, read_key, "C9", 1, 0), 0);
    assert_int_equal(w->key.sealed_len, 60);
    assert_int_equal(w->key.sealed[59], 7);
    assert_int_equal(key(w, read_key, "C9", 2, 0), OC_ENOENT);
    assert_int_equal(key(w, add_key, "C9", 3, 7), OC_EINVAL);
    assert_int_equal(key(w, add_key, "", 1, 7), OC_EINVAL);
    fixture_stop(&w->f);
    assert_int_equal(fixture_start(&w->f), 0);
    assert_int_equal(key(w, read_key, "C9", 1, 0), 0); /* it was durable */
}

static void store_that_fails_keeps_no_key(void **state)
{
    ROLE_ENTER_WORKER();
    struct world *w = *state;
    FILE *null = fopen("/dev/null", "w");
    log_set_stream(null);
    atomic_store(&w->f.fail_with, OC_EDB_FULL);
    assert_int_equal(key(w, add_key, "C1", 1, 7), OC_EDB_FULL);
    atomic_store(&w->f.fail_with, 0);
    assert_int_equal(key(w, add_key, "C1", 1, 8), 0);
    log_set_stream(NULL);
    (void)fclose(null);
    assert_int_equal(key(w, read_key, "C1", 1, 0), 0);
    assert_int_equal(w->key.sealed[0], 8);
}

/* ---- erasure ---- */

static void R20_erased_personal_data_are_gone_with_their_key(void **state)
{
    ROLE_ENTER_WORKER();
    struct world *w = *state;
    assert_int_equal(key(w, add_key, "C1", 1, 7), 0);
    assert_int_equal(key(w, add_key, "C1", 2, 7), 0);
    assert_int_equal(erase(w, "C1", ERASE_PERSONAL, 0), 0);
    assert_int_equal(key(w, read_key, "C1", 1, 0), OC_ESTATE);
    assert_int_equal(key(w, add_key, "C1", 1, 7), OC_ESTATE);
    assert_int_equal(key(w, read_key, "C1", 2, 0), 0);
    assert_int_equal(number(w, "SELECT length(sealed) FROM citizen"), 0);
    assert_int_equal(number(w, "SELECT search = zeroblob(16) FROM citizen"), 1);
    assert_int_equal(number(w, "SELECT count(*) FROM event WHERE kind = 'citizen_erased'"), 1);
    int64_t rows = number(w, "SELECT count(*) FROM journal");
    assert_int_equal(erase(w, "C1", ERASE_PERSONAL, 0), 0); /* once is enough */
    assert_int_equal(number(w, "SELECT count(*) FROM journal"), rows);
    SET(fixture_op(&w->f, LOP_CITIZEN)->citizen.id, "C1");
    assert_int_equal(fixture_do(&w->f), OC_EREFUSED);
    assert_int_equal(w->f.op->reason, OC_R_ERASED);
    assert_int_equal(erase(w, "C7", ERASE_PERSONAL, 0), OC_ENOENT);
    assert_int_equal(erase(w, "C1", 3, 0), OC_EINVAL);
    assert_int_equal(erase(w, "C1", ERASE_PERSONAL, 20300101), OC_EINVAL);
}

/* The file and its log have the key's bytes before, and the file none after. */
static void R20_erased_key_leaves_no_bytes_in_the_file(void **state)
{
    ROLE_ENTER_WORKER();
    struct world *w = *state;
    assert_int_equal(key(w, add_key, "C1", 1, 0xd7), 0);
    assert_int_equal(erase(w, "C1", ERASE_PERSONAL, 0), 0);
    char copy[160];
    (void)fixture_path(&w->f, "copy.db", copy);
    fixture_stop(&w->f);
    struct db *db = NULL;
    struct db_wal *wal = NULL;
    assert_int_equal(db_wal_new(&wal), 0);
    assert_int_equal(db_open(w->f.path, DB_WRITE, &db), 0);
    assert_int_equal(db_wal_pass(wal, db), 1);
    db_close(&db);
    db_wal_free(&wal);
    FILE *in = fopen(w->f.path, "r");
    assert_non_null(in);
    int run = 0, longest = 0, c;
    while ((c = fgetc(in)) != EOF) {
        run = c == 0xd7 ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    (void)fclose(in);
    assert_true(longest < 8);
    assert_int_equal(fixture_start(&w->f), 0);
}

static struct op_intent *note(struct world *w, const char *record_key, const char *doc)
{
    struct op_intent *in = &fixture_op(&w->f, LOP_INTENT)->intent;
    in->plan_kind = OC_PLAN_NOTE;
    SET(in->service, "medical.report");
    SET(in->terminal, "T1");
    SET(in->participant, "P1");
    in->business_date = FIXTURE_DAY;
    SET(in->plan, "{}");
    SET(in->records[0].scope, "medical");
    SET(in->records[0].owner, "citizen:C1");
    SET(in->records[0].key, record_key);
    in->records[0].doc = (struct op_doc){doc, (uint32_t)strlen(doc)};
    in->record_count = 1;
    return in;
}

static void R20_documents_stay_until_their_date_and_go_with_their_key(void **state)
{
    ROLE_ENTER_WORKER();
    struct world *w = *state;
    assert_int_equal(key(w, add_key, "C1", 2, 7), 0);
    (void)note(w, "report/1", "~x");
    assert_int_equal(fixture_do(&w->f), 0);
    struct op_record *r = note(w, "report/2", "~y")->records;
    SET(r->owner, "citizen:C10"); /* another one's */
    assert_int_equal(fixture_do(&w->f), 0);
    date_t tomorrow = date_add(FIXTURE_DAY, 1);
    assert_int_equal(erase(w, "C1", ERASE_DOCUMENTS, tomorrow), 0);
    assert_int_equal(number(w, "SELECT documents_due FROM citizen"), tomorrow);
    assert_int_equal(erase(w, "C1", ERASE_DOCUMENTS, 0), OC_EREFUSED);
    assert_int_equal(w->f.op->reason, OC_R_TOO_EARLY);
    fixture_wait(&w->f, 24 * 60);
    assert_int_equal(erase(w, "C1", ERASE_DOCUMENTS, 0), 0);
    assert_int_equal(number(w, "SELECT count(*) FROM record"), 1);
    assert_int_equal(number(w, "SELECT count(*) FROM record WHERE owner = 'citizen:C10'"), 1);
    assert_int_equal(number(w, "SELECT count(*) FROM citizen_key"), 0);
    assert_int_equal(key(w, read_key, "C1", 2, 0), OC_ESTATE);
    assert_int_equal(number(w, "SELECT erased FROM citizen"), ERASE_DOCUMENTS);
}

static void R20_what_was_sealed_before_an_erasure_is_not_written_after_it(void **state)
{
    ROLE_ENTER_WORKER();
    struct world *w = *state;
    assert_int_equal(key(w, add_key, "C1", 2, 7), 0);
    assert_int_equal(erase(w, "C1", ERASE_DOCUMENTS, 0), 0);
    (void)note(w, "report/1", "~x");
    assert_int_equal(fixture_do(&w->f), OC_EREFUSED);
    assert_int_equal(w->f.op->reason, OC_R_ERASED);
    struct op_intent *in = note(w, "report/1", "~x");
    SET(in->records[0].owner, "citizen:C10");
    SET(in->messages[0].to, "P2");
    SET(in->messages[0].kind, "report");
    SET(in->messages[0].citizen, "C1");
    in->message_count = 1;
    assert_int_equal(fixture_do(&w->f), OC_EREFUSED);
    in = note(w, "report/1", "~x");
    SET(in->records[0].owner, "citizen:C10");
    assert_int_equal(fixture_do(&w->f), 0);
    assert_int_equal(number(w, "SELECT count(*) FROM record"), 1);
    assert_int_equal(number(w, "SELECT count(*) FROM outbox"), 0);
}

static void R20_nothing_is_erased_while_something_of_the_citizen_is_open(void **state)
{
    ROLE_ENTER_WORKER();
    struct world *w = *state;
    struct op_intent *in = note(w, "report/1", "~x");
    SET(in->messages[0].to, "P2");
    SET(in->messages[0].kind, "report");
    SET(in->messages[0].citizen, "C1");
    in->message_count = 1;
    assert_int_equal(fixture_do(&w->f), 0);
    assert_int_equal(erase(w, "C1", ERASE_DOCUMENTS, 0), OC_EREFUSED); /* a message is due */
    assert_int_equal(w->f.op->reason, OC_R_WRONG_STATE);
    struct op_message_end *e = &fixture_op(&w->f, LOP_MESSAGE)->message;
    e->message = number(w, "SELECT id FROM outbox");
    e->to = MESSAGE_SENT;
    assert_int_equal(fixture_do(&w->f), 0);

    in = note(w, "report/2", "~y"); /* a document waits for an institution's answer */
    SET(in->hold.to, "P2");
    SET(in->hold.kind, "settle");
    assert_int_equal(fixture_do(&w->f), 0);
    int64_t txn = in->txn;
    assert_int_equal(erase(w, "C1", ERASE_DOCUMENTS, 0), OC_EREFUSED);
    assert_int_equal(w->f.op->reason, OC_R_WRONG_STATE);
    (void)fixture_outcome(&w->f, txn, OC_TXN_VOIDED, EV_NONE);
    assert_int_equal(fixture_do(&w->f), 0);
    assert_int_equal(erase(w, "C1", ERASE_DOCUMENTS, 0), 0);
}

/* A plan of accounts that waits for an institution; nothing of it is the citizen's but what `put`
 * makes so. */
static WORKER_FN int64_t waits(struct world *w, void (*put)(struct op_intent *))
{
    struct op_intent *in = note(w, "", "");
    in->record_count = 0;
    in->plan_kind = OC_PLAN_ACCOUNT;
    in->amount = 10;
    in->leg_count = 2;
    in->legs[0] = (struct leg){.kind = ACCT_FUND, .owner = "F", .amount = -10};
    in->legs[1] = (struct leg){.kind = ACCT_MERCHANT, .owner = "P1", .amount = 10};
    SET(in->hold.to, "P2");
    SET(in->hold.kind, "settle");
    put(in);
    assert_int_equal(fixture_do(&w->f), 0);
    return w->f.op->intent.txn;
}

static void by_message(struct op_intent *in)
{
    SET(in->messages[0].to, "P2");
    SET(in->messages[0].kind, "settled");
    SET(in->messages[0].citizen, "C1");
    in->message_count = 1;
}

static void by_subject(struct op_intent *in)
{
    SET(in->concerned[0].citizen, "C1");
    in->concerned_count = 1;
}

static void by_account(struct op_intent *in)
{
    in->legs[1].kind = ACCT_PERSONAL;
    SET(in->legs[1].owner, "C1");
}

static void by_record(struct op_intent *in)
{
    SET(in->records[0].key, "bill/1");
    in->records[0].doc = (struct op_doc){"~x", 2};
    in->record_count = 1;
}

static void R20_open_plan_that_concerns_the_citizen_in_any_way_postpones_erasure(void **state)
{
    ROLE_ENTER_WORKER();
    struct world *w = *state;
    static void (*const ways[])(struct op_intent *) = {by_message, by_subject, by_account,
                                                       by_record};
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        int64_t txn = waits(w, ways[i]);
        assert_int_equal(erase(w, "C1", ERASE_PERSONAL, 0), OC_EREFUSED);
        assert_int_equal(w->f.op->reason, OC_R_WRONG_STATE);
        assert_int_equal(erase(w, "C1", ERASE_DOCUMENTS, 0), OC_EREFUSED);
        (void)fixture_outcome(&w->f, txn, OC_TXN_VOIDED, EV_NONE);
        assert_int_equal(fixture_do(&w->f), 0);
    }
    assert_int_equal(erase(w, "C1", ERASE_PERSONAL, 0), 0);
}

static WORKER_FN void move_deposit(struct world *w, fen_t amount)
{
    struct op_intent *in = note(w, "", "");
    in->record_count = 0;
    in->plan_kind = OC_PLAN_ACCOUNT;
    in->amount = amount > 0 ? amount : -amount;
    in->leg_count = 2;
    in->legs[0] = (struct leg){.kind = ACCT_DEPOSIT, .owner = "stay/1", .amount = amount};
    in->legs[1] = (struct leg){.kind = ACCT_LOAD_RECEIVABLE, .owner = "P1", .amount = -amount};
    by_subject(in);
    assert_int_equal(fixture_do(&w->f), 0);
}

static CO_FN int read_deposits(void *arg)
{
    struct world *w = arg;
    struct account_row rows[2];
    int rc = ledger_co_deposits(w->f.l, "C1", "", rows, 2, &w->n[0]);
    w->number = w->n[0] ? rows[0].credits_posted - rows[0].debits_posted : -1;
    return rc;
}

static void R20_deposit_that_holds_money_postpones_erasure(void **state)
{
    ROLE_ENTER_WORKER();
    struct world *w = *state;
    move_deposit(w, 500);
    assert_int_equal(erase(w, "C1", ERASE_PERSONAL, 0), OC_EREFUSED);
    assert_int_equal(w->f.op->reason, OC_R_WRONG_STATE);
    assert_non_null(strstr(w->f.op->detail, "stay/1"));
    assert_int_equal(fixture_flow(&w->f, read_deposits, w), 0);
    assert_int_equal(w->n[0], 1);
    assert_int_equal(w->number, 500);
    move_deposit(w, -500);
    assert_int_equal(erase(w, "C1", ERASE_PERSONAL, 0), 0);
}

static CO_FN int read_concerning(void *arg)
{
    struct world *w = arg;
    struct txn_filter f = {.citizen = w->id};
    struct txn_row *rows = calloc(ROWS, sizeof *rows);
    int rc = rows ? ledger_co_txns(w->f.l, &f, rows, ROWS, &w->n[0]) : OC_ENOMEM;
    w->number = rc == 0 && w->n[0] ? rows[0].id : 0;
    free(rows);
    return rc;
}

static void R20_transactions_without_a_card_of_his_are_found_from_the_citizen(void **state)
{
    ROLE_ENTER_WORKER();
    struct world *w = *state;
    int64_t last = 0;
    static void (*const ways[])(struct op_intent *) = {by_message, by_subject, by_account,
                                                       by_record};
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        last = waits(w, ways[i]);
        (void)fixture_outcome(&w->f, last, OC_TXN_VOIDED, EV_NONE);
        assert_int_equal(fixture_do(&w->f), 0);
    }
    w->id = "C1";
    assert_int_equal(fixture_flow(&w->f, read_concerning, w), 0);
    assert_int_equal(w->n[0], 4);
    assert_int_equal(w->number, last); /* the newest first */
    w->id = "C";
    assert_int_equal(fixture_flow(&w->f, read_concerning, w), 0);
    assert_int_equal(w->n[0], 0);
}

static CO_FN int read_day(void *arg)
{
    struct world *w = arg;
    date_t day = 0;
    int rc = ledger_co_documents_day(w->f.l, "C1", w->id, &day);
    w->number = day;
    return rc;
}

static void R20_documents_are_as_old_as_the_day_that_wrote_the_newest(void **state)
{
    ROLE_ENTER_WORKER();
    struct world *w = *state;
    w->id = "medical";
    assert_int_equal(fixture_flow(&w->f, read_day, w), 0);
    assert_int_equal(w->number, 0);
    note(w, "report/1", "{\"day\":20990101}")->business_date =
        20250310; /* what it says is not asked */
    assert_int_equal(fixture_do(&w->f), 0);
    note(w, "report/2", "~y")->business_date = 20250307;
    assert_int_equal(fixture_do(&w->f), 0);
    struct op_record *r = note(w, "report/3", "~z")->records;
    SET(r->scope, "social");
    assert_int_equal(fixture_do(&w->f), 0);
    assert_int_equal(fixture_flow(&w->f, read_day, w), 0);
    assert_int_equal(w->number, 20250310);
    w->id = "social";
    assert_int_equal(fixture_flow(&w->f, read_day, w), 0);
    assert_int_equal(w->number, FIXTURE_DAY);
}

static void R20_open_transaction_of_the_citizens_card_keeps_his_data(void **state)
{
    ROLE_ENTER_WORKER();
    struct world *w = *state;
    struct op_card_add *a = &fixture_op(&w->f, LOP_CARD_ADD)->card_add;
    memset(a->issuer, 0x11, sizeof a->issuer);
    memset(a->serial, 0x44, sizeof a->serial);
    SET(a->profile, "pboc-ep");
    SET(a->citizen, "C1");
    a->kind = CARD_NAMED;
    a->state = CARD_ACTIVE;
    assert_int_equal(fixture_do(&w->f), 0);
    int64_t card = w->f.op->card_add.card;
    fixture_purchase(&w->f, 0, 10)->card = card;
    assert_int_equal(fixture_do(&w->f), 0);
    int64_t txn = w->f.op->intent.txn;
    assert_int_equal(erase(w, "C1", ERASE_PERSONAL, 0), OC_EREFUSED);
    (void)fixture_outcome(&w->f, txn, OC_TXN_VOIDED, EV_NOT_SENT);
    assert_int_equal(fixture_do(&w->f), 0);
    assert_int_equal(erase(w, "C1", ERASE_PERSONAL, 0), 0);
}

static void R20_key_that_outlived_its_erasure_is_a_fault(void **state)
{
    ROLE_ENTER_WORKER();
    struct world *w = *state;
    assert_int_equal(erase(w, "C1", ERASE_PERSONAL, 0), 0);
    fixture_stop(&w->f);
    struct db *db = NULL;
    struct ledger_report report = {0};
    assert_int_equal(db_open(w->f.path, DB_WRITE, &db), 0);
    assert_int_equal(db_exec(db, "INSERT INTO citizen_key VALUES (5, 'C1', 1, x'00', 0)"), 0);
    assert_int_equal(ledger_verify_file(w->f.path, w->f.key, NULL, NULL, &report), 0);
    assert_int_equal(db_exec(db, "DELETE FROM citizen_key"), 0);
    db_close(&db);
    assert_int_equal(report.faults, 1);
    assert_non_null(strstr(report.first_fault, "R20"));
    assert_int_equal(fixture_start(&w->f), 0);
}

static void key_goes_along_with_a_backup_and_its_restore(void **state)
{
    ROLE_ENTER_WORKER();
    struct world *w = *state;
    assert_int_equal(key(w, add_key, "C1", 2, 7), 0);
    char to[160];
    (void)fixture_path(&w->f, "backup.db", to);
    struct db *db = NULL;
    assert_int_equal(db_open(w->f.path, DB_READ, &db), 0);
    assert_int_equal(db_copy_to(db, to), 0);
    db_close(&db);
    assert_int_equal(erase(w, "C1", ERASE_DOCUMENTS, 0), 0);
    fixture_stop(&w->f);
    struct ledger_report report = {0};
    assert_int_equal(ledger_restore(to, w->f.path, w->f.key, &(struct ledger_restore_opts){.jump = 1000}, &report), 0);
    atomic_store(&w->f.clock.ms,
                 clock_wall_ms(&clock_system) + 1000); /* a restore has the real time */
    assert_int_equal(fixture_start(&w->f), 0);
    assert_int_equal(key(w, read_key, "C1", 2, 0), 0); /* until that copy is destroyed */
}

/* ---- reads ---- */

static CO_FN int read_citizens(void *arg)
{
    struct world *w = arg;
    uint8_t search[16] = {0};
    w->rc[0] = ledger_co_citizen_search(w->f.l, search, &w->citizen[0]);
    memset(search, 0x5e, sizeof search);
    w->rc[1] = ledger_co_citizen_search(w->f.l, search, &w->citizen[0]);
    search[0] = 0;
    w->rc[2] = ledger_co_citizen_search(w->f.l, search, &w->citizen[1]);
    w->rc[3] = ledger_co_citizens(w->f.l, "", w->citizen + 1, 2, &w->n[0]);
    w->rc[4] = ledger_co_citizens(w->f.l, "C2", w->citizen + 3, 4, &w->n[1]);
    return 0;
}

static void citizens_are_found_by_search_and_listed(void **state)
{
    ROLE_ENTER_WORKER();
    struct world *w = *state;
    SET(fixture_op(&w->f, LOP_CITIZEN)->citizen.id, "C2");
    assert_int_equal(fixture_do(&w->f), 0);
    SET(fixture_op(&w->f, LOP_CITIZEN)->citizen.id, "C3");
    assert_int_equal(fixture_do(&w->f), 0);
    assert_int_equal(fixture_flow(&w->f, read_citizens, w), 0);
    assert_int_equal(w->rc[0], OC_ENOENT);
    assert_int_equal(w->rc[1], 0);
    assert_string_equal(w->citizen[0].c.id, "C1");
    assert_int_equal(w->citizen[0].erased, 0);
    assert_int_equal(w->rc[2], OC_ENOENT);
    assert_int_equal(w->n[0], 2);
    assert_string_equal(w->citizen[2].c.id, "C2");
    assert_int_equal(w->n[1], 1);
    assert_string_equal(w->citizen[3].c.id, "C3");
}

static CO_FN int next_record(void *arg)
{
    struct world *w = arg;
    return ledger_co_record_next(w->f.l, "medical", "citizen:C1", w->id, w->record_key, &w->arena,
                                 w->record_key, &w->record);
}

static void records_are_listed_by_prefix_in_order(void **state)
{
    ROLE_ENTER_WORKER();
    struct world *w = *state;
    static const char *const keys[] = {"report/2", "report/1", "reporu", "visit/1", "report/10"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        (void)note(w, keys[i], keys[i]);
        assert_int_equal(fixture_do(&w->f), 0);
    }
    static const char *const want[] = {"report/1", "report/10", "report/2"};
    w->id = "report/";
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_int_equal(fixture_flow(&w->f, next_record, w), 0);
        assert_string_equal(w->record_key, want[i]);
        assert_string_equal(w->record.doc, want[i]);
        assert_int_equal(w->record.doc_len, strlen(want[i]));
    }
    assert_int_equal(fixture_flow(&w->f, next_record, w), OC_ENOENT);
    SET(w->record_key, "a"); /* before all that begin so */
    assert_int_equal(fixture_flow(&w->f, next_record, w), 0);
    assert_string_equal(w->record_key, "report/1");
    w->id = "";
    SET(w->record_key, "reporu");
    assert_int_equal(fixture_flow(&w->f, next_record, w), 0);
    assert_string_equal(w->record_key, "visit/1");
    assert_int_equal(fixture_flow(&w->f, next_record, w), OC_ENOENT);
}

static CO_FN int read_outside(void *arg)
{
    struct world *w = arg;
    struct ledger *l = w->f.l;
    w->rc[0] = ledger_co_messages(l, 0, 0, NULL, &w->arena, w->message, ROWS, &w->n[0]);
    w->rc[1] = ledger_co_messages(l, w->message[0].id, MESSAGE_DUE, "P2", &w->arena, w->message + 4,
                                  2, &w->n[1]);
    w->rc[2] = ledger_co_message(l, w->message[0].id, &w->arena, &w->one);
    w->rc[3] = ledger_co_hold(l, w->number, &w->hold_one);
    w->rc[4] = ledger_co_holds(l, 0, HOLD_REVERSE_DUE, w->hold, ROWS, &w->n[2]);
    w->rc[5] = ledger_co_holds(l, w->number, 0, w->hold, ROWS, &w->n[3]);
    w->rc[6] = ledger_co_txn(l, w->number, w->txn);
    w->rc[7] = ledger_co_message(l, 1, &w->arena, &w->message[7]);
    return 0;
}

static void outbox_and_holds_are_read(void **state)
{
    ROLE_ENTER_WORKER();
    struct world *w = *state;
    struct op_intent *in = note(w, "report/1", "~x");
    for (unsigned i = 0; i < 3; i++) {
        SET(in->messages[i].to, i ? "P2" : "P1");
        SET(in->messages[i].kind, "report");
        SET(in->messages[i].citizen, "C1");
        in->messages[i].doc = (struct op_doc){"{\"n\":12345}", 7 + i};
    }
    in->message_count = 3;
    assert_int_equal(fixture_do(&w->f), 0);
    in = note(w, "report/2", "~y");
    SET(in->hold.to, "P2");
    SET(in->hold.kind, "settle");
    in->hold.amount = 300;
    in->message_count = 1;
    SET(in->messages[0].to, "P2");
    SET(in->messages[0].kind, "never");
    assert_int_equal(fixture_do(&w->f), 0);
    w->number = in->txn;
    (void)fixture_outcome(&w->f, w->number, OC_TXN_VOIDED, EV_NONE);
    assert_int_equal(fixture_do(&w->f), 0);
    assert_int_equal(fixture_flow(&w->f, read_outside, w), 0);
    for (unsigned i = 0; i < 7; i++)
        assert_int_equal(w->rc[i], 0);
    assert_int_equal(w->rc[7], OC_ENOENT);
    assert_int_equal(w->n[0], 4);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(w->message[i].doc_len, 7 + i);
        assert_int_equal(strlen(w->message[i].doc), 7 + i);
        assert_string_equal(w->message[i].citizen, "C1");
    }
    assert_string_equal(w->message[3].kind, "reverse");
    assert_int_equal(w->message[3].txn, w->number);
    assert_string_equal(w->message[3].doc, "");
    assert_int_equal(w->n[1], 2);
    assert_int_equal(w->message[4].id, w->message[1].id);
    assert_int_equal(w->message[5].doc_len, 9);
    assert_int_equal(w->one.id, w->message[0].id);
    assert_int_equal(w->one.doc_len, 7);
    assert_int_equal(w->hold_one.state, HOLD_REVERSE_DUE);
    assert_int_equal(w->hold_one.amount, 300);
    assert_int_equal(w->n[2], 1);
    assert_int_equal(w->n[3], 0);
    assert_int_equal(w->txn->message_count, 1);
    assert_true(w->txn->held);
    assert_null(w->txn->in.records[0].doc.text);
    assert_string_equal(w->txn->in.hold.kind, "settle");
}

static CO_FN int read_public(void *arg)
{
    struct world *w = arg;
    return ledger_co_participant_key(w->f.l, w->id, w->public_key);
}

static WORKER_FN int give_key(struct world *w, const char *participant, uint8_t byte)
{
    struct op_participant_key *k = &fixture_op(&w->f, LOP_PARTICIPANT_KEY)->participant_key;
    SET(k->participant, participant);
    memset(k->key, byte, sizeof k->key);
    SET(k->why, "contract 7");
    return fixture_do(&w->f);
}

static void institutions_key_is_replaced_and_taken_away(void **state)
{
    ROLE_ENTER_WORKER();
    struct world *w = *state;
    w->id = "P2";
    assert_int_equal(fixture_flow(&w->f, read_public, w), OC_ENOENT);
    assert_int_equal(give_key(w, "P9", 1), OC_ENOENT);
    assert_int_equal(give_key(w, "P2", 1), 0);
    assert_int_equal(give_key(w, "P2", 2), 0);
    assert_int_equal(fixture_flow(&w->f, read_public, w), 0);
    assert_int_equal(w->public_key[31], 2);
    assert_int_equal(give_key(w, "P2", 0), 0);
    assert_int_equal(fixture_flow(&w->f, read_public, w), OC_ENOENT);
    assert_int_equal(number(w, "SELECT count(*) FROM event WHERE kind = 'participant_key_gone'"),
                     1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(key_is_kept_once_and_read_back),
        T(store_that_fails_keeps_no_key),
        T(R20_erased_personal_data_are_gone_with_their_key),
        T(R20_erased_key_leaves_no_bytes_in_the_file),
        T(R20_documents_stay_until_their_date_and_go_with_their_key),
        T(R20_what_was_sealed_before_an_erasure_is_not_written_after_it),
        T(R20_nothing_is_erased_while_something_of_the_citizen_is_open),
        T(R20_open_plan_that_concerns_the_citizen_in_any_way_postpones_erasure),
        T(R20_deposit_that_holds_money_postpones_erasure),
        T(R20_transactions_without_a_card_of_his_are_found_from_the_citizen),
        T(R20_documents_are_as_old_as_the_day_that_wrote_the_newest),
        T(R20_open_transaction_of_the_citizens_card_keeps_his_data),
        T(R20_key_that_outlived_its_erasure_is_a_fault),
        T(key_goes_along_with_a_backup_and_its_restore),
        T(citizens_are_found_by_search_and_listed),
        T(records_are_listed_by_prefix_in_order),
        T(outbox_and_holds_are_read),
        T(institutions_key_is_replaced_and_taken_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
