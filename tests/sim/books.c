/* What people were told, and what the ledger says afterwards: after each start of a daemon, and of
 * everything at the end. */
#include "books.h"
#include "bank.h"
#include "box.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 16

void books_init(struct city *c)
{
    c->books = calloc(1, sizeof *c->books);
    CHECK(c->books);
}

void books_fini(struct city *c)
{
    free(c->books->rows);
    free(c->books->finals);
    free(c->books);
    free(c->claims);
    c->books = NULL;
}

static void *room(void *items, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return items;
    *cap = *cap ? 2 * *cap : 256;
    items = reallocarray(items, *cap, size);
    CHECK(items);
    return items;
}

void books_claim(struct city *c, const struct claim *claim)
{
    c->claims = room(c->claims, c->claim_count, &c->claim_cap, sizeof *c->claims);
    c->claims[c->claim_count++] = *claim;
}

/* ---- one row against what was told ---- */

static void compare(struct city *c, const struct claim *a, const struct txn_row *row)
{
    char id[IDENT_TEXT];
    const char *state = oc_txn_state_name((enum oc_txn_state)row->state);
    (void)ident_text(a->txn, id);
    if (a->outcome == OC_POSTED)
        MUST(c, row->state == OC_TXN_POSTED && row->in.amount == a->amount,
             "%s was told POSTED, the ledger says %s", id, state);
    if (a->outcome == OC_VOIDED)
        MUST(c, row->state == OC_TXN_VOIDED, "%s was told VOIDED, the ledger says %s", id, state);
    if (a->outcome == OC_REFUSED)
        MUST(c, row->state == OC_TXN_REFUSED || row->state == OC_TXN_VOIDED,
             "%s was told REFUSED, the ledger says %s", id, state);
    MUST(c, a->business == 0 || row->in.business_date == a->business,
         "R11: the business date of %s became %d, it was %d", id, row->in.business_date,
         a->business);
}

/* So many pages of the newest rows are looked at after a start. */
#define FINAL_PAGES 3

/* The last claims before the crash are those that could have been lost. */
#define LOOK_BACK 24

/* POSTED, VOIDED and REFUSED are for good (R6): what is so now is looked at again at the end. */
static CO_FN int note_finals(struct city *c)
{
    struct books *b = c->books;
    struct txn_row *rows = arena_alloc(flow_arena(), PAGE * sizeof *rows);
    struct txn_filter f = {0};
    unsigned n = PAGE;
    int rc = rows ? 0 : OC_ENOMEM;
    for (unsigned page = 0; rc == 0 && n == PAGE && page < FINAL_PAGES; page++) {
        rc = ledger_co_txns(c->serve->ledger, &f, rows, PAGE, &n);
        for (unsigned i = 0; rc == 0 && i < n; i++) {
            const struct txn_row *r = &rows[i];
            f.before = r->id;
            if (r->state == OC_TXN_INTENDED || r->state == OC_TXN_IN_DOUBT)
                continue;
            b->finals = room(b->finals, b->final_count, &b->final_cap, sizeof *b->finals);
            b->finals[b->final_count++] = (struct final){.id = r->id,
                                                         .state = r->state,
                                                         .clearing = r->clearing_date,
                                                         .business = r->in.business_date,
                                                         .amount = r->in.amount,
                                                         .counter = r->in.counter};
        }
    }
    return rc;
}

int books_co_look(struct city *c)
{
    struct txn_row *row = arena_alloc(flow_arena(), sizeof *row);
    size_t from = c->claim_count > LOOK_BACK ? c->claim_count - LOOK_BACK : 0;
    int rc = row ? 0 : OC_ENOMEM;
    batches_look(c);
    for (size_t i = from; rc == 0 && i < c->claim_count; i++) {
        const struct claim *a = &c->claims[i];
        if (a->txn == 0)
            continue;
        rc = ledger_co_txn(c->serve->ledger, a->txn, row);
        if (c->dead)
            return OC_ECANCELED;
        MUST(c, rc != OC_ENOENT, "a transaction that %s was told of is not there",
             c->tills[a->till].id);
        if (rc == 0)
            compare(c, a, row);
    }
    if (rc == 0 && !c->dead)
        rc = note_finals(c);
    if (rc == 0 && !c->dead)
        rc = boxes_co_resolve(c);
    return rc == 0 ? rules_co_balances(c, false) : rc;
}

/* ---- all rows ---- */

/* R5: is the TAC that stands with a posting the card's own? */
static bool tac_wrong(struct city *c, const struct txn_row *row)
{
    const struct op_intent *in = &row->in;
    struct custody_card k = {
        .levels = 1, .key_version = in->key_version, .alg = (enum pboc_alg)in->alg};
    if (row->state != OC_TXN_POSTED || (row->evidence != EV_ANSWER && row->evidence != EV_PROVE) ||
        (in->plan_kind != OC_PLAN_DEBIT && in->plan_kind != OC_PLAN_CREDIT))
        return false;
    memcpy(k.factors[0], row->serial + 2, sizeof k.factors[0]);
    memcpy(k.issuer, row->issuer, sizeof k.issuer);
    if (in->plan_kind == OC_PLAN_DEBIT) {
        struct pboc_purchase p = {.counter = in->counter,
                                  .type = in->card_type,
                                  .amount = (uint32_t)in->amount,
                                  .sam_seq = in->terminal_seq};
        memcpy(p.sam, in->sam, sizeof p.sam);
        memcpy(p.date, in->card_date, sizeof p.date);
        memcpy(p.time, in->card_time, sizeof p.time);
        return custody_purchase_tac_verify(c->serve->custody, &k, &p, row->tac) != 0;
    }
    struct pboc_load l = {.counter = in->counter,
                          .type = in->card_type,
                          .amount = (uint32_t)in->amount,
                          .balance_after = in->raw_balance + (uint32_t)in->amount};
    memcpy(l.sam, in->sam, sizeof l.sam);
    memcpy(l.date, in->card_date, sizeof l.date);
    memcpy(l.time, in->card_time, sizeof l.time);
    return custody_load_tac_verify(c->serve->custody, &k, &l, row->tac) != 0;
}

static void keep(struct city *c, const struct txn_row *row)
{
    struct books *b = c->books;
    b->rows = room(b->rows, b->count, &b->cap, sizeof *b->rows);
    struct entry *e = &b->rows[b->count++];
    *e = (struct entry){.id = row->id,
                        .created_ms = row->created_ms,
                        .decided_ms = row->decided_ms,
                        .request_no = row->in.request_no,
                        .link = row->in.link,
                        .card = row->in.card,
                        .amount = row->in.amount,
                        .business = row->in.business_date,
                        .clearing = row->clearing_date,
                        .terminal_seq = row->in.terminal_seq,
                        .counter = row->in.counter,
                        .state = row->state,
                        .kind = row->in.plan_kind,
                        .evidence = row->evidence,
                        .reason = row->reason,
                        .tac_verdict = row->tac_verdict,
                        .suspense = row->suspense,
                        .refund = row->in.refund,
                        .tac_wrong = tac_wrong(c, row),
                        .offline = strcmp(row->in.service, LEDGER_SERVICE_OFFLINE) == 0};
    memcpy(e->terminal, row->in.terminal, sizeof e->terminal);
    for (unsigned i = 0; i < row->in.leg_count; i++)
        e->legs += row->in.legs[i].amount;
}

static void turn_round(struct books *b)
{
    for (size_t i = 0, k = b->count; i + 1 < k; i++) {
        struct entry t = b->rows[i];
        b->rows[i] = b->rows[--k];
        b->rows[k] = t;
    }
}

/* Where in the journal each row's intent and outcome stand. */
static void read_places(struct city *c)
{
    struct books *b = c->books;
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    size_t i = 0;
    ROLE_ENTER_WORKER();
    CHECK(sqlite3_open_v2(c->ledger_path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK);
    CHECK(sqlite3_prepare_v2(db, "SELECT id, intent_seq, outcome_seq FROM txn ORDER BY id", -1, &s,
                             NULL) == SQLITE_OK);
    while (i < b->count && sqlite3_step(s) == SQLITE_ROW) {
        struct entry *e = &b->rows[i++];
        CHECK(sqlite3_column_int64(s, 0) == e->id);
        e->intent_seq = sqlite3_column_int64(s, 1);
        e->outcome_seq = sqlite3_column_int64(s, 2);
    }
    CHECK(i == b->count);
    (void)sqlite3_finalize(s);
    CHECK(sqlite3_close(db) == SQLITE_OK);
}

static CO_FN int read_all(struct city *c)
{
    struct txn_row *rows = arena_alloc(flow_arena(), PAGE * sizeof *rows);
    struct txn_filter f = {0};
    unsigned n = PAGE;
    int rc = rows ? 0 : OC_ENOMEM;
    c->books->count = 0;
    while (rc == 0 && n == PAGE) {
        rc = ledger_co_txns(c->serve->ledger, &f, rows, PAGE, &n);
        for (unsigned i = 0; rc == 0 && i < n; i++) {
            f.before = rows[i].id;
            keep(c, &rows[i]);
        }
    }
    turn_round(c->books);
    if (rc == 0)
        read_places(c);
    return rc;
}

const struct entry *books_entry(const struct city *c, int64_t id)
{
    const struct books *b = c->books;
    size_t low = 0, high = b->count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (b->rows[mid].id < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low < b->count && b->rows[low].id == id ? &b->rows[low] : NULL;
}

int books_co_close(struct city *c)
{
    int rc = read_all(c);
    if (rc == 0)
        rules_check(c);
    if (rc == 0)
        rc = rules_co_balances(c, true);
    batches_look(c);
    return rc == 0 ? bank_co_check(c) : rc;
}

void books_verify_file(struct city *c)
{
    struct ledger_report r;
    ROLE_ENTER_WORKER();
    int rc = ledger_verify_file(c->ledger_path, c->chain_key, NULL, NULL, &r);
    MUST(c, rc == 0, "the ledger could not be verified: %s", oc_strerror(rc));
    MUST(c, r.faults == 0, "the ledger does not verify: %u faults, first: %s", r.faults,
         r.first_fault);
    sim_trace_put(&c->trace, c->machine.now_ns, "%lld operations, %lld transactions",
                  (long long)r.ops, (long long)r.txns);
    sim_trace_bytes(&c->trace, r.head, sizeof r.head);
}
