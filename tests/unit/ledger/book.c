#include "book.h"
#ifdef LEDGER_FAILING
#include "failing_store.h"
#endif
#include <ftw.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

static int64_t wall(const struct clock *c)
{
    return atomic_load(&((const struct book_clock *)(const void *)c)->ms);
}

static int64_t mono(const struct clock *c)
{
    (void)c;
    return clock_mono_ns(&clock_system);
}

static int hook(void *arg, unsigned ops)
{
    struct book *b = arg;
    int rc = atomic_load(&b->fail_with);
    if (rc || ops == 0)
        return rc;
    atomic_fetch_add(&b->commits, 1);
    if (ops > atomic_load(&b->largest))
        atomic_store(&b->largest, ops);
    return 0;
}

static struct ledger_opts opts(struct book *b)
{
    return (struct ledger_opts){.path = b->path,
                                .clock = &b->clock.c,
                                .chain_key = b->key,
                                .max_batch = b->max_batch,
                                .before_commit = hook,
                                .hook_arg = b};
}

int book_open(struct book *b)
{
    const struct ledger_opts o = opts(b);
    int rc = ledger_open(&o, &b->l);
    return rc ? rc : db_open(b->path, DB_READ, &b->db);
}

void book_close(struct book *b)
{
    db_close(&b->db);
    ledger_close(&b->l);
}

struct ledger_op *book_op(struct book *b, enum ledger_op_type type)
{
    memset(b->op, 0, sizeof *b->op);
    b->op->type = (uint8_t)type;
    snprintf(b->op->who, sizeof b->op->who, "tester");
    return b->op;
}

int book_do(struct book *b)
{
#ifdef LEDGER_FAILING
    if (!atomic_load(&b->fail_with))
        return failing_submit(b->l, b->op);
#endif
    return ledger_submit(b->l, b->op);
}

#define SET(field, text) snprintf((field), sizeof(field), "%s", (text))

static WORKER_FN int add_terminal(struct book *b, const char *id, uint8_t sam)
{
    struct op_terminal *t = &book_op(b, LOP_TERMINAL)->terminal;
    SET(t->id, id);
    SET(t->kind, "desk");
    SET(t->participant, "P1");
    SET(t->services, "*");
    t->sam[5] = sam;
    return book_do(b);
}

static WORKER_FN int fill(struct book *b)
{
    struct op_participant *p = &book_op(b, LOP_PARTICIPANT)->participant;
    SET(p->id, "P1");
    SET(p->name, "Bus company");
    p->load_quota = 100000;
    int rc = book_do(b);
    if (!rc)
        rc = add_terminal(b, "T1", 1);
    if (!rc)
        rc = add_terminal(b, "T2", 2);
    if (rc)
        return rc;
    b->chip =
        (struct card_seen){SEEN_BALANCE | SEEN_ONLINE | SEEN_OFFLINE | SEEN_PROVEN, 5000, 10, 100};
    struct op_card_add *a = &book_op(b, LOP_CARD_ADD)->card_add;
    memset(a->issuer, 0x11, sizeof a->issuer);
    memset(a->serial, 0x22, sizeof a->serial);
    SET(a->number, "8800001");
    SET(a->profile, "pboc-ep");
    a->kind = CARD_NAMED;
    a->state = CARD_ACTIVE;
    a->ceiling = 100000;
    a->opening = 5000;
    a->seen = b->chip;
    SET(a->category, "adult");
    a->category_to = 20301231;
    rc = book_do(b);
    b->card = b->op->card_add.card;
    return rc;
}

int book_setup(void **state)
{
    ROLE_ENTER_WORKER();
    log_set_level(LOG_ERROR);
    struct book *b = calloc(1, sizeof *b);
    if (!b)
        return -1;
    *state = b;
    b->op = calloc(1, sizeof *b->op);
    b->clock.c = (struct clock){wall, mono};
    atomic_store(&b->clock.ms, city_ms(BOOK_DAY, 600, 480));
    memset(b->key, 7, sizeof b->key);
    snprintf(b->dir, sizeof b->dir, ONECARD_SCRATCH "/onecard-book-XXXXXX");
    if (!b->op || !mkdtemp(b->dir))
        return -1;
    snprintf(b->path, sizeof b->path, "%s/ledger.db", b->dir);
    const struct ledger_opts o = opts(b);
    const struct op_site site = {
        .name = "test", .shard = BOOK_SHARD, .city_offset_min = 480, .first_day = BOOK_DAY};
    int rc = ledger_create(&o, &site);
    if (!rc)
        rc = book_open(b);
    if (!rc)
        rc = fill(b);
    if (rc)
        fprintf(stderr, "book: %s (%s)\n", oc_strerror(rc), b->op->detail);
    return rc;
}

static int drop(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

int book_teardown(void **state)
{
    ROLE_ENTER_WORKER();
    struct book *b = *state;
    const char *fault = "";
    if (b->l) {
        book_close(b);
        fault = book_fault_of(b->path, b->key);
    }
    if (fault[0])
        fprintf(stderr, "book: %s\n", fault);
    nftw(b->dir, drop, 8, FTW_DEPTH | FTW_PHYS);
    free(b->op);
    free(b);
    return fault[0] ? -1 : 0;
}

static struct op_intent *intent(struct book *b, enum oc_plan_kind kind, fen_t amount)
{
    struct op_intent *in = &book_op(b, LOP_INTENT)->intent;
    in->plan_kind = (uint8_t)kind;
    in->card = b->card;
    SET(in->terminal, "T1");
    SET(in->participant, "P1");
    in->sam[5] = 1;
    in->business_date = BOOK_DAY;
    in->amount = in->gross = amount;
    in->seen = b->chip;
    SET(in->plan, "{}");
    return in;
}

static void leg(struct op_intent *in, enum acct_kind kind, const char *owner, fen_t amount)
{
    struct leg *l = &in->legs[in->leg_count++];
    l->kind = (uint8_t)kind;
    SET(l->owner, owner);
    l->amount = amount;
}

struct op_intent *book_purchase(struct book *b, fen_t amount)
{
    struct op_intent *in = intent(b, OC_PLAN_DEBIT, amount);
    SET(in->service, "payment.purchase");
    in->card_type = 6;
    in->counter = b->chip.offline;
    leg(in, ACCT_PURSE, "", -amount);
    leg(in, ACCT_MERCHANT, "P1", amount);
    return in;
}

struct op_intent *book_load(struct book *b, fen_t amount)
{
    struct op_intent *in = intent(b, OC_PLAN_CREDIT, amount);
    SET(in->service, "payment.load");
    in->card_type = 2;
    in->counter = b->chip.online;
    leg(in, ACCT_LOAD_RECEIVABLE, "P1", -amount);
    leg(in, ACCT_PURSE, "", amount);
    return in;
}

struct op_intent *book_refund(struct book *b, int64_t link, fen_t amount)
{
    struct op_intent *in = intent(b, OC_PLAN_ACCOUNT, amount);
    SET(in->service, "payment.refund");
    in->link = link;
    in->refund = 1;
    leg(in, ACCT_MERCHANT, "P1", -amount);
    leg(in, ACCT_PENDING_LOAD, "", amount);
    return in;
}

int book_outcome(struct book *b, int64_t txn, enum oc_txn_state to, enum evidence ev)
{
    struct op_outcome *o = &book_op(b, LOP_OUTCOME)->outcome;
    o->txn = txn;
    o->to = (uint8_t)to;
    o->evidence = (uint8_t)ev;
    return book_do(b);
}

int64_t book_buy(struct book *b, fen_t amount)
{
    book_purchase(b, amount);
    if (book_do(b))
        return 0;
    int64_t txn = b->op->intent.txn;
    if (book_outcome(b, txn, OC_TXN_POSTED, EV_ANSWER))
        return 0;
    b->chip.balance -= amount;
    b->chip.offline++;
    return txn;
}

int64_t book_charge(struct book *b, fen_t amount)
{
    book_load(b, amount);
    if (book_do(b))
        return 0;
    int64_t txn = b->op->intent.txn;
    if (book_outcome(b, txn, OC_TXN_POSTED, EV_ANSWER))
        return 0;
    b->chip.balance += amount;
    b->chip.online++;
    return txn;
}

int book_card_to(struct book *b, enum card_state to)
{
    struct op_card_state *s = &book_op(b, LOP_CARD_STATE)->card_state;
    s->card = b->card;
    s->to = (uint8_t)to;
    SET(s->why, "test");
    return book_do(b);
}

int book_show(struct book *b)
{
    struct op_seen *s = &book_op(b, LOP_SEEN)->seen;
    s->card = b->card;
    SET(s->terminal, "T1");
    s->seen = b->chip;
    return book_do(b);
}

/* ---- reading ---- */

const struct card_full *book_card(struct book *b)
{
    b->row = (struct card_full){0};
    struct db_q q;
    db_q(&q, b->db, "SELECT " ROW_CARD " FROM card WHERE id = ?1");
    db_put_i64(&q, b->card);
    if (db_row(&q))
        row_card(&q, &b->row);
    if (db_end(&q))
        b->row = (struct card_full){0};
    return &b->row;
}

struct account_row book_account(struct book *b, enum acct_kind kind, const char *owner)
{
    struct account_row a = {0};
    struct db_q q;
    db_q(&q, b->db, "SELECT " ROW_ACCOUNT " FROM account WHERE kind = ?1 AND owner = ?2");
    db_put_i64(&q, kind);
    db_put_text(&q, owner);
    if (db_row(&q))
        row_account(&q, &a);
    return db_end(&q) ? (struct account_row){0} : a;
}

struct txn_full book_txn(struct book *b, int64_t id)
{
    struct txn_full t = {0};
    struct db_q q;
    db_q(&q, b->db, "SELECT " ROW_TXN " FROM txn WHERE id = ?1");
    db_put_i64(&q, id);
    if (db_row(&q))
        row_txn(&q, &t);
    return db_end(&q) ? (struct txn_full){0} : t;
}

int64_t book_number(struct book *b, const char *sql)
{
    int64_t n = -1;
    return db_number(b->db, sql, &n) ? -1 : n;
}

/* ---- proof: replay and books ---- */

static char fault_text[256];

static const char *fault(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static const char *fault(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(fault_text, sizeof fault_text, fmt, ap);
    va_end(ap);
    return fault_text;
}

static WORKER_FN void dump(struct db *db, const char *sql, struct buf *out)
{
    struct db_q q;
    db_q(&q, db, sql);
    while (db_row(&q)) {
        for (int i = 0; i < db_cols(&q); i++) {
            buf_printf(out, "%s=", db_col_name(&q, i));
            db_get_raw(&q, out);
            buf_puts(out, "|");
        }
        buf_puts(out, "\n");
    }
    if (db_end(&q))
        buf_puts(out, "failed");
}

static WORKER_FN const char *same_tables(struct db *x, struct db *y)
{
    static const char *const tables[] = {
        "SELECT * FROM site ORDER BY 1",
        "SELECT * FROM participant ORDER BY 1, 2",
        "SELECT * FROM terminal ORDER BY 1, 2",
        "SELECT * FROM sam ORDER BY 1, 2",
        "SELECT * FROM sam_history ORDER BY 1, 2, 3",
        "SELECT * FROM key ORDER BY 1, 2, 3, 4, 5",
        "SELECT * FROM citizen ORDER BY 1, 2",
        "SELECT * FROM card ORDER BY 1",
        "SELECT * FROM card_app ORDER BY 1, 2, 3",
        "SELECT * FROM denylist ORDER BY 1, 2, 3",
        "SELECT * FROM account ORDER BY 1, 2, 3",
        "SELECT * FROM txn ORDER BY 1",
        "SELECT * FROM record ORDER BY 1, 2, 3, 4",
        "SELECT * FROM event ORDER BY 1, 2",
        "SELECT * FROM day ORDER BY 1, 2",
        "SELECT * FROM authority ORDER BY 1",
        "SELECT * FROM terminal_key ORDER BY 1, 2",
        "SELECT * FROM hold ORDER BY 1",
        "SELECT * FROM outbox ORDER BY 1",
        "SELECT * FROM participant_key ORDER BY 1, 2",
        "SELECT * FROM txn_citizen ORDER BY 1, 2, 3",
        "SELECT * FROM deposit ORDER BY 1, 2, 3",
    };
    const char *text = "";
    for (size_t i = 0; i < ARRAY_LEN(tables) && !text[0]; i++) {
        struct buf a, b;
        buf_init(&a, 0);
        buf_init(&b, 0);
        dump(x, tables[i], &a);
        dump(y, tables[i], &b);
        if (a.err || b.err || a.len != b.len || (a.len && memcmp(a.data, b.data, a.len) != 0))
            text = fault("replay differs: %s\n%.60s\n%.60s", tables[i], buf_cstr(&a), buf_cstr(&b));
        buf_fini(&a);
        buf_fini(&b);
    }
    return text;
}

static WORKER_FN int replay(struct db *from, struct fold *f, const uint8_t key[32])
{
    struct chain chain;
    int rc = chain_init(&chain, key);
    if (rc)
        return rc;
    struct ledger_op *op = calloc(1, sizeof *op);
    uint8_t mac[32] = {0}, have[32];
    int64_t seq = 0;
    struct db_q q;
    db_q(&q, from, "SELECT shard, seq, op, mac FROM journal ORDER BY seq, shard");
    while (!rc && db_row(&q)) {
        uint8_t shard = (uint8_t)db_get_i64(&q);
        int64_t at = db_get_i64(&q);
        size_t len;
        const void *p = db_get_blob(&q, &len);
        const struct bytes blob = {p, len};
        db_get_fixed(&q, have, sizeof have);
        rc = op_decode(p, len, op);
        if (!rc)
            rc = chain_mac(&chain, mac, shard, at, blob, mac);
        if (!rc && (at != seq + 1 || memcmp(mac, have, 32) != 0))
            rc = OC_ECHAIN;
        if (!rc)
            rc = fold_apply(f, op, at, mac);
        seq = at;
    }
    int err = db_end(&q);
    free(op);
    chain_fini(&chain);
    return err ? err : rc ? rc : fold_flush(f);
}

static WORKER_FN const char *books(struct db *db)
{
    static const struct {
        const char *what, *sql;
    } zero[] = {
        {"posted sums",
         "SELECT (SELECT coalesce(sum(credits_posted - debits_posted), 0) FROM account) + (SELECT "
         "coalesce(sum(purse_credits - purse_debits + load_credits - load_debits), 0) FROM card)"},
        {"pending sums",
         "SELECT (SELECT coalesce(sum(credits_pending - debits_pending), 0) FROM account) + "
         "(SELECT "
         "coalesce(sum(purse_credits_pending - purse_debits_pending + load_credits_pending - "
         "load_debits_pending), 0) FROM card)"},
        {"purses and float",
         "SELECT (SELECT coalesce(sum(purse_credits - purse_debits), 0) FROM card) - (SELECT "
         "float_opening + loads - purchases + adjustments FROM day WHERE state = 1)"},
        {"open transactions of cards",
         "SELECT (SELECT count(*) FROM card WHERE open_txn <> 0) - (SELECT count(*) FROM txn WHERE "
         "state IN (1, 4) AND hold <> 2)"},
        {"pending without an open transaction", "SELECT sum(credits_pending + debits_pending) FROM "
                                                "account WHERE NOT EXISTS (SELECT 1 FROM "
                                                "txn WHERE state IN (1, 4))"},
    };
    for (size_t i = 0; i < ARRAY_LEN(zero); i++) {
        int64_t n = 0;
        int rc = db_number(db, zero[i].sql, &n);
        if ((rc && rc != OC_ENOENT) || n != 0)
            return fault("books: %s: %lld", zero[i].what, (long long)n);
    }
    return "";
}

static WORKER_FN const char *prove(struct db *db, struct db *empty, const uint8_t key[32])
{
    struct fold f;
    int rc = db_migrate(empty, ledger_schema, ledger_schema_len);
    if (!rc)
        rc = fold_init(&f, empty, db);
    if (rc)
        return fault("cannot begin the replay: %s", oc_strerror(rc));
    rc = replay(db, &f, key);
    int64_t at = f.seq;
    fold_fini(&f);
    if (rc)
        return fault("replay stops after %lld: %s", (long long)at, oc_strerror(rc));
    const char *text = same_tables(db, empty);
    return text[0] ? text : books(db);
}

const char *book_fault_of(const char *path, const uint8_t key[32])
{
    struct db *db = NULL, *empty = NULL;
    int rc = db_open(path, DB_READ, &db);
    if (!rc)
        rc = db_open(NULL, DB_MEMORY, &empty);
    const char *text =
        rc ? fault("cannot open %s: %s", path, oc_strerror(rc)) : prove(db, empty, key);
    db_close(&empty);
    db_close(&db);
    return text;
}

const char *book_fault(struct book *b)
{
    return book_fault_of(b->path, b->key);
}
