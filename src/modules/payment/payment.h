/* Inside the payment module: its configuration and one decide function a service. */
#ifndef PAYMENT_PAYMENT_H
#define PAYMENT_PAYMENT_H

#include <onecard/module.h>

struct payment {
    fen_t purchase_max, load_min, load_max, deposit_max; /* 0: no limit */
    bool refund_same_participant;
    const char *refundable; /* services, separated by blanks or commas */
};

int payment_load(void *ctx, const struct onecard_request *req, struct onecard_plan *plan);
int payment_deposit(void *ctx, const struct onecard_request *req, struct onecard_plan *plan);
int payment_refund(void *ctx, const struct onecard_request *req, struct onecard_plan *plan);
int payment_balance(void *ctx, const struct onecard_request *req, struct onecard_plan *plan);
int payment_account(void *ctx, const struct onecard_request *req, struct onecard_plan *plan);
int payment_history(void *ctx, const struct onecard_request *req, struct onecard_plan *plan);

/** 0, or the refusal when `amount` is over `max` (0: no limit). */
int payment_limit(const struct onecard_request *req, struct onecard_plan *plan, fen_t amount,
                  fen_t max);

#endif
