/* A plan: what a module wants done, as plain data that can be printed, stored and executed later
 * without its module.
 *
 * A plan that module_co_decide() gave with result 0 holds: kind set; amount in its bounds; the
 * legs, the purse's first, sum to zero, none is zero; records, events and messages within bounds,
 * no record twice, their documents JSON objects that together fit ONECARD_DOCS_BYTES; `reply` is a
 * JSON object. */
#ifndef MODULE_PLAN_H
#define MODULE_PLAN_H

#include <onecard/module.h>

#include "base/base.h"

#define PLAN_OWNER    32 /* ids, with NUL */
#define PLAN_CAPP_MAX 24
#define PLAN_REPLY    4096
#define PLAN_SEALED_BYTES                                                                          \
    48000                     /* of a document that is sealed: as text it is a third longer then */
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
    char scope[16]; /* the module whose record it is */
    char owner[40], key[40];
    uint32_t version_read; /* 0: did not exist */
    bool remove;           /* the record goes away: no document */
    const char *doc;       /* JSON object text in the plan's arena */
    size_t doc_len;
};
struct plan_event {
    char kind[32], text[160];
};
/** Left for a participant's system with the commit. */
struct plan_message {
    char to[PLAN_OWNER], kind[32];
    char citizen[PLAN_OWNER]; /* whose data it carries; "": nobody's */
    const char *doc;
    size_t doc_len;
};
/** Asked of a participant after the intent is durable (R12). */
struct plan_hold {
    char to[PLAN_OWNER], kind[32]; /* to[0] == 0: there is none */
    fen_t amount;
    const char *doc, *expect; /* expect NULL: nothing is */
    size_t doc_len, expect_len;
};
/** What the presented card's slot in the ledger will hold. */
struct plan_slot {
    char app[16], category[24]; /* app[0] == 0: it stays as it is; category "": none any more */
    date_t from, until;         /* 0: open */
};

struct plan {
    struct arena *arena; /* where documents lie; NULL: the plan can have none */
    enum oc_plan_kind kind;
    char scope[16]; /* the module's name: scope of its records */
    bool asked;     /* of a service that another one asks: it adds to that one's plan */
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
    struct plan_message messages[ONECARD_MESSAGES_MAX];
    unsigned message_count;
    struct plan_hold hold;
    struct plan_slot slot;
    uint8_t pin_job; /* enum onecard_pin_job; 0: the PIN stays as it is */
    char link[PLAN_OWNER];  /* id of the transaction that this one follows; "": none */
    char reply[PLAN_REPLY]; /* JSON object text, "{}" at least */
    enum oc_reason refused; /* OC_R_NONE: not refused */
    char detail[96];        /* for people: why refused, or what is wrong with the plan */
    int err;                /* sticky: OC_EMODULE after a wrong call; not for executors */
};

/** An empty plan in `a`, about 12 KiB, whose documents lie there too; NULL: no memory. */
struct plan *plan_new(struct arena *a) MUST_USE;
/** Empties a plan for a module of that name; documents will lie in `a` (NULL: it can have none). */
void plan_init(struct plan *p, struct arena *a, const char *scope);
/** Checks what a module left, adds the purse's leg (first) and the gross. OC_EMODULE: nonsense, and
 * `detail` says which. */
int plan_finish(struct plan *p) MUST_USE;
/** Takes over what an asked service left: legs, records, events, messages, the hold, the slot. Mistakes stick
 * in `to`. */
void plan_merge(struct plan *to, const struct plan *from);
/** `to` becomes `from`, with documents of its own in `a`. OC_ENOMEM. */
int plan_copy(struct plan *to, const struct plan *from, struct arena *a) MUST_USE;
/** Whether the owner's documents are sealed: "citizen:" and an id. */
bool plan_owner_sealed(const char *owner);
/** The text of a journey value, or NULL. */
const char *plan_capp_get(const struct plan *p, const char *field);
/** Appends the plan as one JSON object; `brief`: without the documents and the reply. What would be
 * sealed shows its size only. */
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
void plan_add_doc(struct plan *p, const char *owner, const char *key, uint32_t version_read,
                  const struct onecard_doc *doc);
void plan_remove_doc(struct plan *p, const char *owner, const char *key, uint32_t version_read);
void plan_set_hold(struct plan *p, const char *to, const char *kind, fen_t amount,
                   const struct onecard_doc *doc, const struct onecard_doc *expect);
void plan_add_message(struct plan *p, const char *to, const char *kind, const char *citizen,
                      const struct onecard_doc *doc);
void plan_set_link(struct plan *p, const char *txn);
void plan_set_slot(struct plan *p, const char *app, const char *category, int32_t from,
                   int32_t until);
void plan_set_pin(struct plan *p, int job);
void plan_add_event(struct plan *p, const char *kind, const char *text);
void plan_set_refund(struct plan *p);
void plan_add_reply_text(struct plan *p, const char *key, const char *value);
void plan_add_reply_int(struct plan *p, const char *key, int64_t value);
void plan_add_reply_raw(struct plan *p, const char *key, const char *json);
void plan_add_reply_doc(struct plan *p, const char *key, const struct onecard_doc *doc);
/** Notes the first mistake (printf). */
void plan_wrong(struct plan *p, const char *fmt, ...) PRINTF_FN(2, 3);
/** Copies a text that must fit; an empty one only where `empty` allows it. `what` names it. */
bool plan_copy_text(struct plan *p, char *dst, size_t cap, const char *src, bool empty,
                    const char *what);
/** Returns OC_EREFUSED. */
int plan_refuse(struct plan *p, enum oc_reason reason, const char *fmt, va_list ap) PRINTF_FN(3, 0);

#endif
