/* Accounts only, or nothing but records and messages: no card command, so intent and posting are one commit, unless an
 * institution is asked for a hold in between. */
#include "txn/dialogue.h"

#include <string.h>

/* A store that failed while it committed may have kept the posting: no card can tell later, so the row is looked for. */
static CO_FN int did_it_post(struct dialogue *d, int rc)
{
    int64_t id = d->op->intent.txn;
    if (rc != OC_EREFUSED || d->res->reason != OC_R_STORE || id == 0)
        return rc;
    flow_shield(); /* who is cancelled meanwhile must not be told that nothing moved */
    int look = ledger_co_txn(d->env->ledger, id, d->row);
    flow_unshield();
    if (look == OC_ENOENT)
        return rc;
    if (look == 0) {
        txn_result_from_row(d->row, d->res);
    } else {
        resume_later(d, "the ledger can neither be written nor read");
        d->res->txn = id;
    }
    return 0;
}

int account_co_execute(struct dialogue *d)
{
    struct op_intent *in = &dialogue_op(d, LOP_INTENT)->intent;
    int rc = intent_fill(d, in, 0);
    if (rc != 0)
        return rc;
    if (in->refund && in->card == 0) /* the money goes back to the card that paid, present or not (R6) */
        in->card = d->row->in.card;
    rc = intent_co_write(d, &in);
    if (rc != 0)
        return did_it_post(d, rc);
    if (d->hold.to[0] != '\0') {
        rc = hold_co_execute(d, in);
    } else {
        dialogue_posted(d);
        memcpy(d->res->reply, in->reply, sizeof in->reply);
        hold_tell_outbox(d);
    }
    intent_end(d);
    return rc;
}
