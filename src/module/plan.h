/* A plan: what a module wants done, as plain data that can be printed, stored and executed later
 * without its module.
 *
 * A plan that module_co_decide() gave with result 0 holds: kind set; amount in its bounds; the
 * legs, the purse's first, sum to zero, none is zero; records and events within bounds; `reply` is
 * a JSON object. */
#ifndef MODULE_PLAN_H
#define MODULE_PLAN_H

#include <onecard/module.h>

#include "base/base.h"

#define PLAN_OWNER       32 /* ids, with NUL */
#define PLAN_CAPP_MAX    24
#define PLAN_REPLY       4096
#define PLAN_REPLY_MOVES 1024 /* of plans that move something: it is kept with the transaction */

struct plan_leg {
    uint8_t kind; /* enum onecard_account */
    char owner[PLAN_OWNER];
    fen_t amount; /* credit +, debit - */
};
/** A value of the journey record (a CAPP purchase), by the card profile's field names. */
struct plan_capp {
    char name[16];
    bool is_int;
    int64_t number;
    char text[40]; /* of a number: its decimal digits */
};
struct plan_record {
    char owner[40], key[40];
    uint32_t version_read; /* 0: did not exist */
    char doc[ONECARD_DOC_MAX];
};
struct plan_event {
    char kind[32], text[160];
};

struct plan {
    enum oc_plan_kind kind;
    char scope[16]; /* the module's name: scope of its records */
    fen_t amount;   /* what the chip moves; of account plans: what is told */
    fen_t gross;    /* what the service costs in all; the amount, where the module said nothing */
    bool refund;    /* gives back `amount` of the original (R6) */
    struct plan_leg legs[ONECARD_LEGS_MAX];
    unsigned leg_count;
    struct plan_capp capp[PLAN_CAPP_MAX];
    unsigned capp_count; /* > 0: a debit is a CAPP purchase */
    struct plan_record records[ONECARD_RECORDS_MAX];
    unsigned record_count;
    struct plan_event events[ONECARD_EVENTS_MAX];
    unsigned event_count;
    char reply[PLAN_REPLY]; /* JSON object text, "{}" at least */
    enum oc_reason refused; /* OC_R_NONE: not refused */
    char detail[96];        /* for people: why refused, or what is wrong with the plan */
    int err;                /* sticky: OC_EMODULE after a wrong call; not for executors */
};

/** An empty plan in `a`, about 16 KiB; NULL: no memory. */
struct plan *plan_new(struct arena *a) MUST_USE;
/** Empties a plan for a module of that name. */
void plan_init(struct plan *p, const char *scope);
/** Checks what a module left, adds the purse's leg (first) and the gross. OC_EMODULE: nonsense, and
 * `detail` says which. */
int plan_finish(struct plan *p) MUST_USE;
/** The text of a journey value, or NULL. */
const char *plan_capp_get(const struct plan *p, const char *field);
/** Appends the plan as one JSON object; `brief`: without the documents of records and the reply. */
void plan_json(const struct plan *p, bool brief, struct buf *out);
/** Appends `s` as a JSON string with its quotes; what is no UTF-8 becomes '?'. */
void plan_json_text(struct buf *out, const char *s);

/* What the host table's plan_ functions do. All keep the first mistake in p->err and p->detail. */
void plan_set_kind(struct plan *p, enum oc_plan_kind kind, fen_t amount);
void plan_add_leg(struct plan *p, int account, const char *owner, fen_t amount);
void plan_set_gross(struct plan *p, fen_t gross);
void plan_add_capp_int(struct plan *p, const char *field, int64_t value);
void plan_add_capp_text(struct plan *p, const char *field, const char *value);
void plan_add_record(struct plan *p, const char *owner, const char *key, uint32_t version_read,
                     const char *doc);
void plan_add_event(struct plan *p, const char *kind, const char *text);
void plan_set_refund(struct plan *p);
void plan_add_reply_text(struct plan *p, const char *key, const char *value);
void plan_add_reply_int(struct plan *p, const char *key, int64_t value);
void plan_add_reply_raw(struct plan *p, const char *key, const char *json);
/** Returns OC_EREFUSED. */
int plan_refuse(struct plan *p, enum oc_reason reason, const char *fmt, va_list ap) PRINTF_FN(3, 0);

#endif
