/* One posted transaction as a line, and the figures behind it. */
#include "settle/posting.h"

#include <stdio.h>
#include <string.h>

static void add_bearer(struct posting *p, const char *owner)
{
    size_t at = strlen(p->bearers);
    snprintf(p->bearers + at, sizeof p->bearers - at, "%s%.31s", at ? ";" : "", owner);
}

/* Who pays so that the citizen need not (R14): a bearer of concessions, an insurance's fund (R13).
 */
static bool bears(const struct leg *leg)
{
    return leg->kind == ACCT_BEARER || leg->kind == ACCT_FUND;
}

/* What a plan that takes from merchants gives back in all, negative; 0: it is another. Its own
 * gross says only what counts against the original. */
static fen_t given_back(const struct txn_row *t)
{
    fen_t sum = 0, taken = 0;
    for (unsigned i = 0; i < t->in.leg_count; i++) {
        const struct leg *leg = &t->in.legs[i];
        fen_t amount = leg->kind == ACCT_MERCHANT ? leg->amount : 0;
        sum += amount;
        taken += amount < 0 ? amount : 0;
    }
    return t->in.plan_kind == OC_PLAN_ACCOUNT && sum < 0 ? taken : 0;
}

int posting_read(const struct txn_row *t, struct posting *ret)
{
    struct posting p = {0};
    fen_t sum = 0;
    for (unsigned i = 0; i < t->in.leg_count; i++) {
        const struct leg *leg = &t->in.legs[i];
        sum += leg->amount;
        if (leg->kind == ACCT_PURSE)
            p.purse += leg->amount;
        if (bears(leg)) {
            p.borne -= leg->amount;
            add_bearer(&p, leg->owner);
        }
    }
    if (sum != 0)
        return OC_EBOOKS;
    fen_t sign = t->in.refund ? -1 : 1;
    p.gross = given_back(t);
    if (p.gross == 0)
        p.gross = t->in.gross ? sign * t->in.gross : sign * t->in.amount + p.borne;
    p.net = p.gross - p.borne;
    *ret = p;
    return 0;
}

static bool participants_own(const struct leg *leg)
{
    return leg->kind == ACCT_MERCHANT || leg->kind == ACCT_LOAD_RECEIVABLE;
}

static unsigned add_once(const char **ids, unsigned n, const char *id)
{
    for (unsigned i = 0; i < n; i++)
        if (strcmp(ids[i], id) == 0)
            return n;
    ids[n] = id;
    return n + 1;
}

unsigned posting_concerned(const struct txn_row *t, const char *ret_ids[POSTING_CONCERNED])
{
    unsigned n = 0;
    if (*t->in.participant)
        n = add_once(ret_ids, n, t->in.participant);
    for (unsigned i = 0; i < t->in.leg_count; i++)
        if (participants_own(&t->in.legs[i]))
            n = add_once(ret_ids, n, t->in.legs[i].owner);
    return n ? n : add_once(ret_ids, 0, "");
}

void posting_position(const struct txn_row *t, const char *participant, fen_t *ret_merchant,
                      fen_t *ret_receivable)
{
    *ret_merchant = *ret_receivable = 0;
    for (unsigned i = 0; i < t->in.leg_count; i++) {
        const struct leg *leg = &t->in.legs[i];
        if (!participants_own(leg) || strcmp(leg->owner, participant) != 0)
            continue;
        if (leg->kind == ACCT_MERCHANT)
            *ret_merchant += leg->amount;
        else
            *ret_receivable += leg->amount;
    }
}

const char *posting_mask(const char *number, char out[POSTING_MASKED])
{
    size_t len = strlen(number);
    if (len >= POSTING_MASKED)
        len = POSTING_MASKED - 1;
    size_t head = len >= 13 ? 6 : 0;
    size_t tail = len >= 9 ? 4 : len >= 5 ? 2 : 0;
    for (size_t i = 0; i < len; i++)
        out[i] = i < head || i >= len - tail ? number[i] : '*';
    out[len] = '\0';
    return out;
}

void posting_header(struct buf *b)
{
    csv_header(b, "business_date,clearing_date,txn,card,issuer,terminal,sam,sam_seq,counter,type,"
                  "service,gross_yuan,"
                  "borne_by,borne_yuan,net_yuan,tac,evidence,link,participant,position_yuan");
}

void posting_at(const struct txn_row *t, struct posting_at *ret)
{
    const struct op_intent *in = &t->in;
    struct posting_at at = {.plan_kind = in->plan_kind,
                            .card_type = in->card_type,
                            .refund = in->refund,
                            .terminal_seq = in->terminal_seq,
                            .counter = in->counter};
    memcpy(at.issuer, t->issuer, sizeof at.issuer);
    memcpy(at.sam, in->sam, sizeof at.sam);
    memcpy(at.terminal, in->terminal, sizeof at.terminal);
    memcpy(at.service, in->service, sizeof at.service);
    *ret = at;
}

static const char *type_name(const struct posting_at *at)
{
    if (at->plan_kind == OC_PLAN_CREDIT)
        return "load";
    if (at->plan_kind == OC_PLAN_DEBIT)
        return at->card_type == 9 ? "capp" : "purchase";
    return at->refund ? "refund" : "account";
}

/* Only the chip's transactions have a counter, only its debits a SAM sequence. */
static void number_if(struct csv *c, bool there, int64_t n)
{
    if (there)
        csv_int(c, n);
    else
        csv_text(c, "");
}

void posting_where(struct csv *c, const struct posting_at *at)
{
    bool debit = at->plan_kind == OC_PLAN_DEBIT;
    csv_hex(c, at->issuer, OC_ISSUER_LEN);
    csv_text(c, at->terminal);
    csv_hex(c, at->sam, OC_SAM_LEN);
    number_if(c, debit, at->terminal_seq);
    number_if(c, debit || at->plan_kind == OC_PLAN_CREDIT, at->counter);
    csv_text(c, type_name(at));
    csv_text(c, at->service);
}

static const char *verdict(uint8_t tac)
{
    return tac == TAC_OK ? "ok" : tac == TAC_WRONG ? "wrong" : "none";
}

void posting_line(struct buf *b, const struct txn_row *t, const struct posting *p,
                  const char *masked, const char *participant)
{
    struct csv c = {b, false};
    struct posting_at at;
    fen_t merchant, receivable;
    const char *evidence = evidence_name((enum evidence)t->evidence);
    posting_position(t, participant, &merchant, &receivable);
    posting_at(t, &at);
    csv_date(&c, t->in.business_date);
    csv_date(&c, t->clearing_date);
    csv_id(&c, t->id);
    csv_text(&c, masked);
    posting_where(&c, &at);
    csv_fen(&c, p->gross);
    csv_text(&c, p->bearers);
    csv_fen(&c, p->borne);
    csv_fen(&c, p->net);
    csv_text(&c, verdict(t->tac_verdict));
    csv_text(&c, evidence ? evidence : "");
    csv_id(&c, t->in.link);
    csv_text(&c, t->in.participant);
    csv_fen(&c, merchant + receivable);
    csv_end(&c);
}
