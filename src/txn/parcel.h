/* One message on its way (deliver.c). Private to this folder. */
#ifndef TXN_PARCEL_H
#define TXN_PARCEL_H

#include "txn/dialogue.h"

/** What it takes to send one; in the arena of the flow that sends it. */
struct parcel {
    struct message_row row;
    struct hold_row hold;
    struct ledger_op op;
    const char *path;
    char *body;
    size_t len;
    char note[128];
};

enum parcel_end {
    PARCEL_SENT,       /* acknowledged */
    PARCEL_AWAY,       /* the institution is away, or nobody knows: again later */
    PARCEL_BUSY,       /* nothing was sent: breaker open, lanes taken */
    PARCEL_NO,         /* it says no */
    PARCEL_IMPOSSIBLE, /* it can never be sent; p->note says why */
    PARCEL_GONE        /* it is not due any more */
};
/** Is it the ledger's own about a hold? */
bool parcel_ends_hold(const struct message_row *row);
/** Sends p->row; p->note says for people what went wrong. */
enum parcel_end parcel_co_post(struct txn_env *env, const char *to, struct parcel *p) CO_FN;
/** Writes what became of it. Errors of ledger_co_submit. */
int parcel_co_end(struct txn_env *env, struct parcel *p, enum message_state to,
                  unsigned tries) MUST_USE CO_FN;

#endif
