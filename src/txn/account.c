/* Accounts only: no card command, so intent and posting are one commit. */
#include "txn/dialogue.h"

#include <string.h>

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
        return rc;
    d->res->outcome = OC_POSTED;
    d->res->reason = OC_R_NONE;
    memcpy(d->res->reply, in->reply, sizeof in->reply);
    intent_end(d);
    return 0;
}
