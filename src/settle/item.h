/* Items of payment as records of the ledger (scope "@settle", which no module can be called):
 *
 *    owner "items:<group>"  key "<payee>/<account>/<attempt>"   what is to be paid and what became
 * of it owner "groups"         key "<group>"                       how many of them, how many open
 *
 * and the bookings that go with them: account plans and notes of the house itself, at no terminal,
 * service "settle.…". A record and its booking are one commit. Private to this folder. */
#ifndef SETTLE_ITEM_H
#define SETTLE_ITEM_H

#include "settle/settle.h"

#include <jansson.h>

#define ITEM_SCOPE  "@settle"
#define ITEM_OWNER  "items:"
#define ITEM_GROUPS "groups"
#define ITEM_DOC    1024 /* of two things said, each text quoted */
#define ITEM_NAME   40

/** A booking of this folder's: moves no position of a day and is in no claim. */
bool item_service(const struct op_intent *in);
/** A fund's deduction: of this folder's, too, but a posting like others to the hospital. */
bool item_deduction(const struct op_intent *in);

const char *item_owner(const char *group, char out[ITEM_NAME]);
const char *item_key(const struct settle_item_id *id, char out[ITEM_NAME]);
/** From a record's names. OC_EINVAL: it is no item's. */
int item_of_record(const char *owner, const char *key, struct settle_item_id *ret) MUST_USE;

/** A document as the record has it, into `out`; its length, 0: no memory. */
uint32_t item_write(const struct settle_item *it, char out[ITEM_DOC]);
uint32_t item_group_write(const struct settle_group *g, char out[ITEM_DOC]);
/** A document, the caller's to give up (NULL: an error). OC_EBOOKS: none of ours; OC_ENOMEM. */
int item_load(const char *doc, size_t len, json_t **ret) MUST_USE;
/** Everything but the id. OC_EBOOKS: not a document of ours. */
int item_read(const char *doc, size_t len, struct settle_item *ret) MUST_USE;
int item_group_read(const char *doc, size_t len, struct settle_group *ret) MUST_USE;

/** The item's record. OC_ENOENT. */
int item_co_load(struct settle_env *env, const struct settle_item_id *id, struct settle_item *ret,
                 uint32_t *ret_version) MUST_USE CO_FN;
/** A group's; zeros and version 0 where there is none. */
int item_co_group(struct settle_env *env, const char *group, struct settle_group *ret,
                  uint32_t *ret_version) MUST_USE CO_FN;

/** A booking on its way, on the heap: documents live in it until it is submitted. */
struct booking {
    struct ledger_op op;
    char docs[LEDGER_RECORDS][ITEM_DOC];
    int err; /* sticky: no memory for a document */
};
/** NULL: no memory. `amount` 0: a note. free() it. */
struct booking *booking_new(const struct settle_env *env, const char *service, fen_t amount);
/** Adds the record with that document, read at `version` (0: it is new); `len` 0: its error sticks.
 */
void booking_record(struct booking *b, const char *owner, const char *key, uint32_t version,
                    uint32_t len);
/** Where that record's document is to be written. */
char *booking_doc(struct booking *b);
void booking_item(struct booking *b, const struct settle_item *it, uint32_t version);
void booking_group(struct booking *b, const char *group, const struct settle_group *g,
                   uint32_t version);
/** Submits it: the ledger's errors, OC_ENOMEM. Gives nothing up. */
int booking_co_submit(struct settle_env *env, struct booking *b) MUST_USE CO_FN;
/** Gives it the group's next number, by which it is found again. Before its documents are written.
 */
void booking_number(struct booking *b, const char *group, struct settle_group *g);
void booking_leg(struct booking *b, enum acct_kind kind, const char *owner, fen_t amount);
void booking_event(struct booking *b, const char *kind, const char *fmt, ...) PRINTF_FN(3, 4);

#endif
