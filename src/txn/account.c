/* Accounts only, or nothing but records and messages: no card command, so intent and posting are one commit, unless an
 * institution is asked for a hold in between. */
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
