/* Inside the payment module: its configuration and one decide function a service. */
#ifndef PAYMENT_PAYMENT_H
#define PAYMENT_PAYMENT_H

#include <onecard/module.h>

struct payment {
    fen_t purchase_max, load_min, load_max, deposit_max; /* 0: no limit */
    bool refund_same_participant;
    const char *refundable; /* services, separated by blanks or commas */
    int64_t cancel_minutes;
    const char *bank; /* NULL or "": none */
};

int payment_load(void *ctx, const struct onecard_request *req, struct onecard_plan *plan);
int payment_deposit(void *ctx, const struct onecard_request *req, struct onecard_plan *plan);
int payment_refund(void *ctx, const struct onecard_request *req, struct onecard_plan *plan);
int payment_balance(void *ctx, const struct onecard_request *req, struct onecard_plan *plan);
int payment_account(void *ctx, const struct onecard_request *req, struct onecard_plan *plan);
int payment_history(void *ctx, const struct onecard_request *req, struct onecard_plan *plan);
int payment_cancel(void *ctx, const struct onecard_request *req, struct onecard_plan *plan);
int payment_unload(void *ctx, const struct onecard_request *req, struct onecard_plan *plan);
int payment_shift_open(void *ctx, const struct onecard_request *req, struct onecard_plan *plan);
int payment_shift_close(void *ctx, const struct onecard_request *req, struct onecard_plan *plan);
int payment_shift_show(void *ctx, const struct onecard_request *req, struct onecard_plan *plan);
int payment_bills(void *ctx, const struct onecard_request *req, struct onecard_plan *plan);
int payment_bill_pay(void *ctx, const struct onecard_request *req, struct onecard_plan *plan);

/** Is `name` one of these words, separated by blanks or commas? */
bool payment_in_words(const char *words, const char *name);
/** 0, or the refusal when `amount` is over `max` (0: no limit). */
int payment_limit(const struct onecard_request *req, struct onecard_plan *plan, fen_t amount,
                  fen_t max);

#endif
