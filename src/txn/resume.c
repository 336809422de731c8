/* A request number that was here before is answered as the first time (R8). Where the first answer
 * was a doubt and a reader is there, the doubt goes on: the card that comes is asked how it ended,
 * as when a torn card is put back within one dialogue (present.c). */
#include "txn/dialogue.h"

#include <string.h>

#define RUNNING_MS 5000 /* patience with the same request at work in another dialogue */

/* A transaction at work ends by itself, soon: between intent and outcome lies one card command. */
static CO_FN int wait_for_end(struct dialogue *d, int64_t txn)
{
    int64_t deadline = flow_deadline_ms(RUNNING_MS);
    int rc = 0;
    timing_wait(d);
    while (rc == 0 && dialogue_runs_elsewhere(d, txn))
        rc = flow_co_wait(&d->env->ended, deadline);
    timing_waited(d, false);
    return rc;
}

/* The row says everything about the card but its number. */
static CO_FN void note_number(struct dialogue *d)
{
    if (d->row->in.card != 0 && ledger_co_card_id(d->env->ledger, d->row->in.card, d->card) == 0)
        memcpy(d->res->card, d->card->number, sizeof d->card->number);
}

/* The result is what the row says, once nobody works on it any more. */
static CO_FN int answer_by_row(struct dialogue *d, int64_t txn)
{
    txn_result_from_row(d->row, d->res);
    d->res->replayed = true;
    bool runs = dialogue_runs_elsewhere(d, txn);
    int rc = wait_for_end(d, txn);
    if (rc == 0 && runs && (rc = ledger_co_txn(d->env->ledger, txn, d->row)) == 0)
        txn_result_from_row(d->row, d->res);
    if (rc != 0) /* it may well be posted */
        resume_later(d, "the same request is still running");
    note_number(d);
    return rc;
}

void resume_later(struct dialogue *d, const char *why)
{
    d->res->outcome = OC_IN_DOUBT;
    d->res->reason = OC_R_BUSY;
    snprintf(d->res->detail, sizeof d->res->detail, "%s", why);
}

static bool can_go_on(const struct dialogue *d)
{
    const struct txn_row *row = d->row;
    return (row->state == OC_TXN_IN_DOUBT || row->state == OC_TXN_INTENDED) &&
           (row->in.plan_kind == OC_PLAN_DEBIT || row->in.plan_kind == OC_PLAN_CREDIT) && d->reader != NULL && !d->reader->closed &&
           !d->term->t.closed;
}

int resume_co_known(struct dialogue *d)
{
    const struct txn_row *row = d->row;
    if (memcmp(row->in.request_hash, d->req->request_hash, sizeof row->in.request_hash) != 0)
        return dialogue_ledger_failed(d, OC_ECONFLICT);
    int rc = answer_by_row(d, row->id);
    if (rc == OC_ECANCELED)
        return rc;
    if (rc != 0 || !can_go_on(d))
        return 1;
    d->torn = row->id;
    d->resumed = d->awaited = true;
    return 0;
}

void resume_co_same(struct dialogue *d)
{
    int64_t txn = d->same;
    d->same = 0;
    flow_shield(); /* who was cancelled is told the same */
    int rc = ledger_co_txn(d->env->ledger, txn, d->row);
    if (rc == 0)
        rc = answer_by_row(d, txn);
    else
        resume_later(d, "the same request got through elsewhere");
    flow_unshield();
    if (rc != 0)
        log_info("txn", "terminal=%s the same request runs elsewhere: %s", d->req->terminal, oc_strerror(rc));
}
