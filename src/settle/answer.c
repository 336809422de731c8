/* A fund's answer to a monthly claim (R18): what it does not accept 扣减 is booked on the
 * hospital's account, each deduction once and linked to the transaction it is about; what it
 * accepts becomes an item that the bank is to report paid. See docs/SETTLEMENT.md for the states
 * and failures. */
#include "settle/answer.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the claim's record ---- */

const char *claim_key(const char *fund, const char *month, char out[ITEM_NAME])
{
    (void)snprintf(out, ITEM_NAME, "%.31s/%.7s", fund, month);
    return out;
}

void claim_write(struct booking *b, const char *fund, const char *month,
                 const struct claim_record *r)
{
    char key[ITEM_NAME], hex[2 * SHA256_LEN + 1], *doc = booking_doc(b);
    json_t *j = json_pack("{s:I, s:I, s:I, s:I, s:b, s:s}", "amount_fen", (json_int_t)r->amount,
                          "deducted_fen", (json_int_t)r->deducted, "lines", (json_int_t)r->lines,
                          "cuts", (json_int_t)r->cuts, "answered", r->answered, "manifest",
                          hex_encode(r->manifest_sha256, SHA256_LEN, hex));
    size_t len = j ? json_dumpb(j, doc, ITEM_DOC, JSON_COMPACT | JSON_SORT_KEYS) : 0;
    json_decref(j);
    booking_record(b, CLAIM_OWNER, claim_key(fund, month, key), r->version, (uint32_t)len);
}

int claim_read(const char *doc, size_t len, struct claim_record *ret)
{
    json_int_t amount, deducted, lines, cuts;
    int answered = 0;
    const char *hex = "";
    struct claim_record r = {.version = ret->version};
    json_t *j;
    int rc = item_load(doc, len, &j);
    bool good = rc == 0 && json_unpack(j, "{s:I, s:I, s:I, s:I, s:b, s:s}", "amount_fen", &amount,
                                       "deducted_fen", &deducted, "lines", &lines, "cuts", &cuts,
                                       "answered", &answered, "manifest", &hex) == 0;
    if (good)
        good = hex_decode(hex, r.manifest_sha256, SHA256_LEN) == 0;
    if (good) {
        r.amount = amount;
        r.deducted = deducted;
        r.lines = lines;
        r.cuts = cuts;
        r.answered = answered;
        *ret = r;
    }
    json_decref(j);
    return good ? 0 : rc ? rc : OC_EBOOKS;
}

int claim_co_load(struct settle_env *env, const char *fund, const char *month,
                  struct claim_record *ret)
{
    char key[ITEM_NAME];
    struct record_row row;
    int rc = ledger_co_record(env->ledger, ITEM_SCOPE, CLAIM_OWNER, claim_key(fund, month, key),
                              flow_arena(), &row);
    if (rc)
        return rc;
    ret->version = row.version;
    return claim_read(row.doc, row.doc_len, ret);
}

fen_t claim_of(const struct txn_row *t, const char *fund)
{
    fen_t sum = 0;
    if (item_service(&t->in) || item_deduction(&t->in))
        return 0;
    for (unsigned i = 0; i < t->in.leg_count; i++) {
        const struct leg *leg = &t->in.legs[i];
        if (leg->kind == ACCT_FUND && strcmp(leg->owner, fund) == 0)
            sum -= leg->amount;
    }
    return sum;
}

const char *claim_payee(const struct txn_row *t)
{
    for (unsigned i = 0; i < t->in.leg_count; i++)
        if (t->in.legs[i].kind == ACCT_MERCHANT)
            return t->in.legs[i].owner;
    return "";
}

/* ---- one line ---- */

struct answering {
    struct settle_env *env;
    const struct settle_answer *answer;
    struct settle_cut *line;
    struct claim_record claim;
    struct txn_row *txn;
};

static int PRINTF_FN(2, 3) refuse(struct answering *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(a->line->why, sizeof a->line->why, fmt, ap);
    va_end(ap);
    a->line->outcome = LINE_REFUSED;
    return 0;
}

/* Is it a line of that claim? */
static bool claimed(struct answering *a)
{
    const struct txn_row *t = a->txn;
    const struct settle_cut *l = a->line;
    char said[FEN_TEXT], is[FEN_TEXT], month[11];
    fen_t amount = claim_of(t, a->answer->fund);
    if (t->state != OC_TXN_POSTED || amount == 0 ||
        strncmp(date_text(t->clearing_date, month), a->answer->month, 7) != 0)
        return refuse(a, "transaction %s is no line of that claim", l->txn), false;
    if (amount != l->claimed)
        return refuse(a, "transaction %s is claimed with %s yuan, not %s", l->txn,
                      fen_text(amount, is), fen_text(l->claimed, said)),
               false;
    if (l->deducted < 0 || (l->deducted > 0 && l->deducted > amount))
        return refuse(a, "of %s yuan %s cannot be deducted", fen_text(amount, is),
                      fen_text(l->deducted, said)),
               false;
    if (l->deducted > 0 && *claim_payee(t) == '\0')
        return refuse(a, "transaction %s paid no hospital that could bear it", l->txn), false;
    return true;
}

static uint32_t cut_doc(struct booking *b, const struct answering *a)
{
    json_t *j = json_pack("{s:I, s:s, s:s}", "deducted_fen", (json_int_t)a->line->deducted,
                          "reason", a->line->reason, "file", a->answer->file);
    size_t len = j ? json_dumpb(j, booking_doc(b), ITEM_DOC, JSON_COMPACT | JSON_SORT_KEYS) : 0;
    json_decref(j);
    return len <= ITEM_DOC ? (uint32_t)len : 0;
}

static int co_submit(struct answering *a, struct booking *b) CO_FN;
static int co_submit(struct answering *a, struct booking *b)
{
    int rc = booking_co_submit(a->env, b);
    if (rc == 0) {
        a->line->outcome = LINE_DONE;
        a->line->posted = b->op.intent.txn;
    } else if (rc == OC_EREFUSED) {
        rc = refuse(a, "not booked: %s", b->op.detail);
    }
    free(b);
    return rc;
}

/* The fund owes less, the hospital is owed less: its next position is smaller by that. */
static int co_cut(struct answering *a) CO_FN;
static int co_cut(struct answering *a)
{
    char owner[ITEM_NAME], key[IDENT_TEXT];
    const struct settle_cut *l = a->line;
    struct booking *b = booking_new(a->env, LEDGER_HOUSE "deducted", l->deducted);
    uint32_t len = b ? cut_doc(b, a) : 0;
    if (len == 0) {
        free(b);
        return OC_ENOMEM;
    }
    booking_leg(b, ACCT_FUND, a->answer->fund, l->deducted);
    booking_leg(b, ACCT_MERCHANT, claim_payee(a->txn), -l->deducted);
    b->op.intent.link = a->txn->id;
    claim_key(a->answer->fund, a->answer->month, owner);
    booking_record(b, owner, ident_text(a->txn->id, key), 0, len);
    (void)snprintf(b->op.intent.records[0].scope, sizeof b->op.intent.records[0].scope, CLAIM_CUTS);
    struct claim_record before = a->claim;
    a->claim.deducted += l->deducted;
    a->claim.cuts++;
    claim_write(b, a->answer->fund, a->answer->month, &a->claim);
    int rc = co_submit(a, b);
    if (rc || a->line->outcome != LINE_DONE)
        a->claim = before;
    else
        a->claim.version++;
    return rc;
}

/* What was deducted of it before; 0: nothing. */
static int co_before(struct answering *a, fen_t *ret_fen) CO_FN;
static int co_before(struct answering *a, fen_t *ret_fen)
{
    char owner[ITEM_NAME], key[IDENT_TEXT];
    struct record_row row;
    json_int_t fen = 0;
    int rc = ledger_co_record(a->env->ledger, CLAIM_CUTS,
                              claim_key(a->answer->fund, a->answer->month, owner),
                              ident_text(a->txn->id, key), flow_arena(), &row);
    *ret_fen = 0;
    if (rc)
        return rc == OC_ENOENT ? 0 : rc;
    json_t *j;
    rc = item_load(row.doc, row.doc_len, &j);
    if (rc == 0 && json_unpack(j, "{s:I}", "deducted_fen", &fen) != 0)
        rc = OC_EBOOKS;
    json_decref(j);
    *ret_fen = fen;
    return rc;
}

static int co_take(struct answering *a) CO_FN;
static int co_take(struct answering *a)
{
    fen_t before = 0;
    char was[FEN_TEXT];
    int64_t id = 0;
    if (ident_parse(a->line->txn, &id) != 0)
        return refuse(a, "\"%.31s\" is no transaction", a->line->txn);
    int rc = ledger_co_txn(a->env->ledger, id, a->txn);
    if (rc == OC_ENOENT)
        return refuse(a, "there is no transaction %s", a->line->txn);
    if (rc || !claimed(a))
        return rc;
    rc = co_before(a, &before);
    if (rc)
        return rc;
    if (before != 0 && before != a->line->deducted)
        return refuse(a, "of transaction %s %s yuan were deducted already", a->line->txn,
                      fen_text(before, was));
    if (before != 0 || a->line->deducted == 0 || a->claim.answered) {
        bool late = before == 0 && a->line->deducted != 0;
        a->line->outcome = LINE_UNCHANGED;
        return late ? refuse(a, "the claim was answered already, without that deduction") : 0;
    }
    return co_cut(a);
}

/* ---- the whole answer ---- */

static int PRINTF_FN(2, 3) wrong(struct settle_answer *w, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(w->why, sizeof w->why, fmt, ap);
    va_end(ap);
    return OC_ECONFLICT;
}

static int agrees(struct settle_answer *w, const struct claim_record *r)
{
    char a[FEN_TEXT], b[FEN_TEXT];
    if (w->claimed != r->amount)
        return wrong(w, "the claim is of %s yuan, the answer says %s", fen_text(r->amount, a),
                     fen_text(w->claimed, b));
    if (w->accepted + w->deducted != w->claimed)
        return wrong(w, "accepted and deducted are not together what was claimed");
    if (r->answered && w->deducted != r->deducted)
        return wrong(w, "the claim was answered already: %s yuan were deducted",
                     fen_text(r->deducted, a));
    return 0;
}

/* Every deduction stands: what is left is to be collected from the fund. */
static int co_finish(struct answering *a, struct settle_answer *w) CO_FN;
static int co_finish(struct answering *a, struct settle_answer *w)
{
    struct settle_group g;
    uint32_t version = 0;
    char month[8];
    (void)snprintf(month, sizeof month, "%.7s", w->month);
    int rc = item_co_group(a->env, month, &g, &version);
    struct booking *b = rc ? NULL : booking_new(a->env, LEDGER_HOUSE "answered", 0);
    if (!b)
        return rc ? rc : OC_ENOMEM;
    b->op.intent.request_no = REQUEST_NONE;
    a->claim.answered = true;
    claim_write(b, w->fund, month, &a->claim);
    if (w->accepted != 0) {
        struct settle_item it = {.amount = -w->accepted, .state = ITEM_OPEN};
        memcpy(it.id.group, month, sizeof month);
        memcpy(it.id.payee, w->fund, sizeof it.id.payee);
        it.id.account = ACCT_FUND;
        it.id.attempt = 1;
        g.items++;
        g.open++;
        booking_item(b, &it, 0);
        booking_group(b, month, &g, version);
    }
    rc = booking_co_submit(a->env, b);
    if (rc)
        (void)wrong(w, "the answer could not be recorded: %.90s",
                    *b->op.detail ? b->op.detail : oc_strerror(rc));
    free(b);
    return rc;
}

static int co_end(struct answering *a, struct settle_answer *w) CO_FN;
static int co_end(struct answering *a, struct settle_answer *w)
{
    char is[FEN_TEXT], said[FEN_TEXT];
    w->booked = a->claim.deducted;
    w->answered = a->claim.answered;
    if (w->answered || !w->last)
        return 0;
    if (a->claim.deducted != w->deducted) {
        (void)wrong(w,
                    "%s of %s yuan of deductions are booked: mend the other lines and bring the "
                    "file again",
                    fen_text(a->claim.deducted, is), fen_text(w->deducted, said));
        return 0; /* what is wrong with which line says more */
    }
    int rc = co_finish(a, w);
    w->answered = rc == 0;
    return rc;
}

static int co_answer(struct answering *a, struct settle_answer *w) CO_FN;
static int co_answer(struct answering *a, struct settle_answer *w)
{
    int rc = claim_co_load(a->env, w->fund, w->month, &a->claim);
    if (rc == OC_ENOENT)
        return wrong(w, "no claim on %s for %.7s is recorded: settle claim makes it", w->fund,
                     w->month),
               rc;
    if (rc == 0)
        rc = agrees(w, &a->claim);
    for (unsigned i = 0; i < w->n && rc == 0; i++) {
        a->line = &w->lines[i];
        rc = co_take(a);
    }
    return rc ? rc : co_end(a, w);
}

int settle_co_answer(struct settle_env *env, struct settle_answer *w)
{
    struct answering a = {.env = env, .answer = w};
    w->why[0] = '\0';
    if (env->busy)
        return OC_EBUSY;
    a.txn = calloc(1, sizeof *a.txn);
    if (!a.txn)
        return OC_ENOMEM;
    env->busy = true;
    int rc = co_answer(&a, w);
    env->busy = false;
    free(a.txn);
    return rc;
}
