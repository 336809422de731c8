#include "ledger_fixture.h"
#ifdef LEDGER_FAILING
#include "failing_store.h"
#endif
#include "db/db.h"
#include <dirent.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SET(field, text) ((void)snprintf((field), sizeof(field), "%s", (text)))

static int64_t wall(const struct clock *c)
{
    return atomic_load(&((const struct fixture_clock *)(const void *)c)->ms);
}

static int64_t mono(const struct clock *c)
{
    (void)c;
    return clock_mono_ns(&clock_system);
}

static int before_commit(void *arg, unsigned ops)
{
    (void)ops;
    return atomic_load(&((struct ledger_fixture *)arg)->fail_with);
}

/* ---- standing data ---- */

static WORKER_FN int add_participant(struct ledger_fixture *f, const char *id)
{
    struct op_participant *p = &fixture_op(f, LOP_PARTICIPANT)->participant;
    SET(p->id, id);
    SET(p->name, "Bus company");
    p->load_quota = 100000;
    return fixture_do(f);
}

static WORKER_FN int add_terminal(struct ledger_fixture *f, const char *id, const char *participant,
                                  uint8_t sam)
{
    struct op_terminal *t = &fixture_op(f, LOP_TERMINAL)->terminal;
    SET(t->id, id);
    SET(t->kind, "desk");
    SET(t->participant, participant);
    SET(t->services, "*");
    SET(t->params, "{}");
    t->sam[5] = sam;
    return fixture_do(f);
}

static WORKER_FN int add_card(struct ledger_fixture *f, unsigned n, uint8_t kind, uint8_t state,
                              fen_t opening)
{
    struct op_card_add *a = &fixture_op(f, LOP_CARD_ADD)->card_add;
    f->chip[n] = (struct card_seen){SEEN_BALANCE | SEEN_ONLINE | SEEN_OFFLINE, opening, 10, 100};
    memset(a->issuer, 0x11, sizeof a->issuer);
    memset(a->serial, 0x22, sizeof a->serial);
    a->serial[9] = (uint8_t)n;
    (void)snprintf(a->number, sizeof a->number, "880000%u", n);
    SET(a->profile, "pboc-ep");
    a->kind = kind;
    a->state = state;
    a->ceiling = 100000;
    a->opening = opening;
    a->seen = f->chip[n];
    if (kind == CARD_NAMED) {
        SET(a->category, "adult");
        a->category_to = 20301231;
    }
    int rc = fixture_do(f);
    f->card[n] = f->op->card_add.card;
    return rc;
}

static WORKER_FN int fill(struct ledger_fixture *f)
{
    int rc = add_participant(f, "P1");
    if (!rc)
        rc = add_participant(f, "P2");
    if (!rc)
        rc = add_terminal(f, "T1", "P1", 1);
    if (!rc)
        rc = add_terminal(f, "T2", "P1", 2);
    if (!rc)
        rc = add_terminal(f, "T3", "P2", 3);
    if (!rc)
        rc = add_card(f, 0, CARD_NAMED, CARD_ACTIVE, 5000);
    if (!rc)
        rc = add_card(f, 1, CARD_ANONYMOUS, CARD_ACTIVE, 2000);
    if (!rc)
        rc = add_card(f, 2, CARD_NAMED, CARD_ISSUED, 0);
    return rc;
}

/* ---- life ---- */

static WORKER_FN int begin(struct ledger_fixture *f)
{
    const struct op_site site = {
        .name = "test", .shard = FIXTURE_SHARD, .city_offset_min = 480, .first_day = FIXTURE_DAY};
    f->op = calloc(1, sizeof *f->op);
    if (!f->op || !mkdtemp(f->dir))
        return OC_ENOMEM;
    (void)snprintf(f->path, sizeof f->path, "%s/ledger.db", f->dir);
    f->opts.path = f->path;
    int rc = loop_new(&f->loop, NULL);
    if (rc)
        return rc;
    f->opts.loop = f->loop;
    rc = ledger_create(&f->opts, &site);
    if (!rc)
        rc = fixture_start(f);
    return rc ? rc : fill(f);
}

int fixture_open(struct ledger_fixture *f)
{
    *f = (struct ledger_fixture){.dir = ONECARD_SCRATCH "/onecard-ledger-XXXXXX"};
    log_set_level(LOG_ERROR);
    f->clock.clock = (struct clock){wall, mono};
    atomic_store(&f->clock.ms, city_ms(FIXTURE_DAY, 600, 480));
    memset(f->key, 0x77, sizeof f->key);
    f->opts = (struct ledger_opts){.clock = &f->clock.clock,
                                   .chain_key = f->key,
                                   .readers = 2,
                                   .before_commit = before_commit,
                                   .hook_arg = f};
    int rc = begin(f);
    if (rc)
        (void)fprintf(stderr, "ledger_fixture: %s (%s)\n", oc_strerror(rc),
                      f->op ? f->op->detail : "");
    return rc;
}

void fixture_stop(struct ledger_fixture *f)
{
    ledger_close(&f->l);
}

int fixture_start(struct ledger_fixture *f)
{
    return ledger_open(&f->opts, &f->l);
}

static int drop(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

void fixture_close(struct ledger_fixture *f)
{
    fixture_stop(f);
    if (f->loop)
        loop_free(&f->loop);
    (void)nftw(f->dir, drop, 8, FTW_DEPTH | FTW_PHYS);
    free(f->op);
    f->op = NULL;
}

const char *fixture_path(const struct ledger_fixture *f, const char *name, char ret[160])
{
    (void)snprintf(ret, 160, "%s/%s", f->dir, name);
    return ret;
}

unsigned fixture_files(const struct ledger_fixture *f)
{
    unsigned n = 0;
    DIR *d = opendir(f->dir);
    for (struct dirent *e; d && (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    if (d)
        (void)closedir(d);
    return n;
}

void fixture_wait(struct ledger_fixture *f, int minutes)
{
    (void)atomic_fetch_add(&f->clock.ms, (int64_t)minutes * 60000);
}

int fixture_flow(struct ledger_fixture *f, int (*fn)(void *arg), void *arg)
{
    return loop_run_flow(f->loop, "test", fn, arg);
}

/* ---- operations ---- */

struct ledger_op *fixture_op(struct ledger_fixture *f, enum ledger_op_type type)
{
    memset(f->op, 0, sizeof *f->op);
    f->op->type = (uint8_t)type;
    SET(f->op->who, "tester");
    return f->op;
}

int fixture_do(struct ledger_fixture *f)
{
#ifdef LEDGER_FAILING
    if (!atomic_load(&f->fail_with))
        return failing_submit(f->l, f->op);
#endif
    return ledger_submit(f->l, f->op);
}

static struct op_intent *intent(struct ledger_fixture *f, unsigned card, enum oc_plan_kind kind,
                                fen_t amount)
{
    struct op_intent *in = &fixture_op(f, LOP_INTENT)->intent;
    in->plan_kind = (uint8_t)kind;
    in->trace = 0xabcdef;
    in->card = f->card[card];
    SET(in->terminal, "T1");
    SET(in->participant, "P1");
    in->sam[5] = 1;
    in->business_date = FIXTURE_DAY;
    in->amount = in->gross = amount;
    in->seen = f->chip[card];
    SET(in->plan, "{\"kind\":1}");
    return in;
}

static void leg(struct op_intent *in, enum acct_kind kind, const char *owner, fen_t amount)
{
    struct leg *l = &in->legs[in->leg_count++];
    l->kind = (uint8_t)kind;
    SET(l->owner, owner);
    l->amount = amount;
}

struct op_intent *fixture_purchase(struct ledger_fixture *f, unsigned card, fen_t amount)
{
    struct op_intent *in = intent(f, card, OC_PLAN_DEBIT, amount);
    SET(in->service, "payment.purchase");
    in->card_type = 6;
    in->counter = f->chip[card].offline;
    leg(in, ACCT_PURSE, "", -amount);
    leg(in, ACCT_MERCHANT, "P1", amount);
    return in;
}

struct op_intent *fixture_load(struct ledger_fixture *f, unsigned card, fen_t amount)
{
    struct op_intent *in = intent(f, card, OC_PLAN_CREDIT, amount);
    SET(in->service, "payment.load");
    in->card_type = 2;
    in->counter = f->chip[card].online;
    leg(in, ACCT_LOAD_RECEIVABLE, "P1", -amount);
    leg(in, ACCT_PURSE, "", amount);
    return in;
}

struct op_intent *fixture_refund(struct ledger_fixture *f, unsigned card, int64_t link,
                                 fen_t amount)
{
    struct op_intent *in = intent(f, card, OC_PLAN_ACCOUNT, amount);
    SET(in->service, "payment.refund");
    SET(in->reply, "{\"refunded\":true}");
    in->link = link;
    in->refund = 1;
    leg(in, ACCT_MERCHANT, "P1", -amount);
    leg(in, ACCT_PENDING_LOAD, "", amount);
    return in;
}

struct op_outcome *fixture_outcome(struct ledger_fixture *f, int64_t txn, enum oc_txn_state to,
                                   enum evidence ev)
{
    struct op_outcome *o = &fixture_op(f, LOP_OUTCOME)->outcome;
    o->txn = txn;
    o->to = (uint8_t)to;
    o->evidence = (uint8_t)ev;
    if (to == OC_TXN_IN_DOUBT)
        o->reason = OC_R_ANSWER_LOST;
    if (to == OC_TXN_VOIDED)
        o->reason = OC_R_CARD_REMOVED;
    return o;
}

static void move_chip(struct card_seen *chip, uint8_t plan_kind, fen_t amount)
{
    if (plan_kind == OC_PLAN_DEBIT) {
        chip->balance -= amount;
        chip->offline++;
    } else if (plan_kind == OC_PLAN_CREDIT) {
        chip->balance += amount;
        chip->online++;
    }
}

int64_t fixture_run(struct ledger_fixture *f, unsigned card, enum oc_txn_state to)
{
    static const enum evidence evidence[] = {
        [OC_TXN_POSTED] = EV_ANSWER, [OC_TXN_VOIDED] = EV_NOT_SENT, [OC_TXN_IN_DOUBT] = EV_NONE};
    int rc = fixture_do(f);
    if (rc)
        return 0;
    int64_t txn = f->op->intent.txn;
    uint8_t plan_kind = f->op->intent.plan_kind;
    fen_t amount = f->op->intent.amount;
    if (plan_kind == OC_PLAN_ACCOUNT || to == OC_TXN_INTENDED)
        return txn;
    struct op_outcome *o = fixture_outcome(f, txn, to, evidence[to]);
    if (to == OC_TXN_POSTED) {
        move_chip(&f->chip[card], plan_kind, amount);
        o->seen = f->chip[card];
        o->sw = 0x9000;
        o->tac_verdict = TAC_OK;
        memset(o->tac, 0xac, sizeof o->tac);
        SET(o->reply, "{\"ok\":true}");
    }
    return fixture_do(f) ? 0 : txn;
}

/* ---- a busy day ---- */

static WORKER_FN int other_operations(struct ledger_fixture *f)
{
    struct op_key *k = &fixture_op(f, LOP_KEY)->key;
    k->purpose = 1;
    k->version = 1;
    k->sealed_len = 32;
    int rc = fixture_do(f);
    struct op_citizen *c = &fixture_op(f, LOP_CITIZEN)->citizen;
    SET(c->id, "C1");
    c->sealed_len = 40;
    memset(c->search, 0x5e, sizeof c->search);
    if (!rc)
        rc = fixture_do(f);
    struct op_deny *d = &fixture_op(f, LOP_DENY)->deny;
    memset(d->issuer, 0x11, sizeof d->issuer);
    memset(d->serial, 0x99, sizeof d->serial);
    d->action = 2;
    SET(d->why, "forged");
    if (!rc)
        rc = fixture_do(f);
    struct op_event *e = &fixture_op(f, LOP_EVENT)->event;
    SET(e->item.kind, "note");
    SET(e->item.text, "{}");
    if (!rc)
        rc = fixture_do(f);
    struct op_seen *s = &fixture_op(f, LOP_SEEN)->seen;
    s->card = f->card[1];
    SET(s->terminal, "T2");
    s->seen = f->chip[1];
    return rc ? rc : fixture_do(f);
}

static WORKER_FN int refuse_one(struct ledger_fixture *f)
{
    struct op_refusal *r = &fixture_op(f, LOP_REFUSAL)->refusal;
    SET(r->service, "payment.purchase");
    SET(r->terminal, "T3");
    SET(r->participant, "P2");
    SET(r->detail, "50 of 60 fen");
    r->reason = OC_R_INSUFFICIENT;
    r->card = f->card[1];
    memset(r->issuer, 0x11, sizeof r->issuer);
    memset(r->serial, 0x22, sizeof r->serial);
    r->request_no = 77;
    r->business_date = FIXTURE_DAY;
    r->amount = 60;
    return fixture_do(f);
}

static WORKER_FN int buy_with_record(struct ledger_fixture *f)
{
    struct op_intent *in = fixture_purchase(f, 0, 300);
    SET(in->records[0].scope, "transit");
    SET(in->records[0].owner, "card:1");
    SET(in->records[0].key, "month");
    in->records[0].doc = (struct op_doc){"{\"rides\":1}", 11};
    in->record_count = 1;
    SET(in->events[0].kind, "first_ride");
    in->event_count = 1;
    int64_t bought = fixture_run(f, 0, OC_TXN_POSTED);
    if (!bought)
        return OC_ESTATE;
    (void)fixture_refund(f, 0, bought, 100);
    return fixture_run(f, 0, OC_TXN_POSTED) ? 0 : OC_ESTATE;
}

static WORKER_FN int close_day(struct ledger_fixture *f)
{
    fixture_op(f, LOP_DAY_CLOSE)->day_close.date = FIXTURE_DAY;
    int rc = fixture_do(f);
    struct op_settled *s = &fixture_op(f, LOP_SETTLED)->settled;
    s->date = FIXTURE_DAY;
    memset(s->manifest_sha256, 0x3a, sizeof s->manifest_sha256);
    return rc ? rc : fixture_do(f);
}

int fixture_busy_day(struct ledger_fixture *f)
{
    int rc = other_operations(f);
    if (!rc)
        rc = refuse_one(f);
    if (!rc)
        rc = buy_with_record(f);
    if (rc)
        return rc;
    (void)fixture_load(f, 0, 1000);
    if (!fixture_run(f, 0, OC_TXN_POSTED))
        return OC_ESTATE;
    (void)fixture_purchase(f, 0, 50);
    if (!fixture_run(f, 0, OC_TXN_VOIDED))
        return OC_ESTATE;
    rc = close_day(f);
    if (rc)
        return rc;
    fixture_wait(f, 24 * 60);
    (void)fixture_purchase(f, 0, 70);
    if (!fixture_run(f, 0, OC_TXN_IN_DOUBT))
        return OC_ESTATE;
    (void)fixture_purchase(f, 1, 80);
    return fixture_run(f, 1, OC_TXN_INTENDED) ? 0 : OC_ESTATE;
}

/* ---- institutions ---- */

static void hold(struct op_intent *in, const char *kind)
{
    SET(in->hold.to, "P2");
    SET(in->hold.kind, kind);
    in->hold.amount = in->amount;
}

static WORKER_FN int confirm_due(struct ledger_fixture *f)
{
    struct op_card_state *s = &fixture_op(f, LOP_CARD_STATE)->card_state;
    s->card = f->card[2];
    s->to = CARD_ACTIVE;
    int rc = fixture_do(f);
    hold(fixture_load(f, 2, 500), "load");
    if (!rc)
        rc = fixture_do(f);
    int64_t txn = f->op->intent.txn;
    struct op_hold *h = &fixture_op(f, LOP_HOLD)->hold;
    h->txn = txn;
    h->to = HOLD_HELD;
    SET(h->reference, "R-1");
    if (!rc)
        rc = fixture_do(f);
    move_chip(&f->chip[2], OC_PLAN_CREDIT, 500);
    fixture_outcome(f, txn, OC_TXN_POSTED, EV_ANSWER)->seen = f->chip[2];
    return rc ? rc : fixture_do(f);
}

static struct op_intent *note(struct ledger_fixture *f)
{
    struct op_intent *in = &fixture_op(f, LOP_INTENT)->intent;
    in->plan_kind = OC_PLAN_NOTE;
    SET(in->service, "medical.report");
    SET(in->terminal, "T1");
    SET(in->participant, "P1");
    in->business_date = FIXTURE_DAY;
    SET(in->plan, "{}");
    return in;
}

static WORKER_FN int dead_message(struct ledger_fixture *f)
{
    struct op_intent *in = note(f);
    SET(in->records[0].scope, "transit");
    SET(in->records[0].owner, "citizen:C1");
    SET(in->records[0].key, "report/1");
    in->records[0].doc = (struct op_doc){"~c2VhbGVk", 9};
    in->record_count = 1;
    SET(in->messages[0].to, "P2");
    SET(in->messages[0].kind, "report");
    SET(in->messages[0].citizen, "C1");
    in->messages[0].doc = (struct op_doc){"{}", 2};
    in->message_count = 1;
    int rc = fixture_do(f);
    if (rc)
        return rc;
    struct db *db = NULL;
    int64_t id = 0;
    rc = db_open(f->path, DB_READ, &db);
    if (!rc)
        rc = db_number(db, "SELECT max(id) FROM outbox", &id);
    db_close(&db);
    struct op_message_end *e = &fixture_op(f, LOP_MESSAGE)->message;
    e->message = id;
    e->to = MESSAGE_DEAD;
    e->tries = 9;
    SET(e->note, "503");
    return rc ? rc : fixture_do(f);
}

int fixture_outside(struct ledger_fixture *f)
{
    int rc = confirm_due(f);
    if (!rc)
        rc = dead_message(f);
    struct op_participant_key *k = &fixture_op(f, LOP_PARTICIPANT_KEY)->participant_key;
    SET(k->participant, "P2");
    memset(k->key, 0x42, sizeof k->key);
    if (!rc)
        rc = fixture_do(f);
    struct op_citizen *c = &fixture_op(f, LOP_CITIZEN)->citizen;
    SET(c->id, "C9");
    c->sealed_len = 40;
    if (!rc)
        rc = fixture_do(f);
    struct op_erased *e = &fixture_op(f, LOP_ERASED)->erased;
    SET(e->citizen, "C9");
    e->what = ERASE_PERSONAL;
    if (!rc)
        rc = fixture_do(f);
    hold(note(f), "settle");
    return rc ? rc : fixture_do(f);
}
