/* Inside the fold: what prepare and apply share. Each function gives 0 or a store error unless it
 * says otherwise. */
#ifndef LEDGER_FOLD_H
#define LEDGER_FOLD_H

#include "ledger/internal.h"

/* ---- hot.c: accounts in memory ---- */
/** The account, read or made (not yet written); NULL with *ret_err on failure. Stays valid until
 * flush or reload. */
struct hot_account *hot_account(struct fold *f, enum acct_kind kind, const char *owner,
                                int *ret_err) WORKER_FN;
int hot_flush(struct fold *f) MUST_USE WORKER_FN;
void hot_forget(struct fold *f);

/* ---- cards (apply_card.c) ---- */
/** OC_ENOENT. */
int card_load(struct fold *f, int64_t id, struct card_full *ret) MUST_USE WORKER_FN;
/** OC_ENOENT. */
int card_by_serial(struct fold *f, const uint8_t *issuer, const uint8_t *serial,
                   struct card_full *ret) MUST_USE WORKER_FN;
/** Is it issued here, in state ISSUED, never seen after its own entry, without money or
 * transactions (but refused requests)? Then it may be issued again. */
int card_untouched(struct fold *f, const struct card_full *c, bool *ret) MUST_USE WORKER_FN;
/** Writes what may change. */
int card_store(struct fold *f, const struct card_full *c) MUST_USE WORKER_FN;
int apply_card_add(struct fold *f, const struct ledger_op *op) MUST_USE WORKER_FN;
int apply_card_state(struct fold *f, const struct ledger_op *op) MUST_USE WORKER_FN;
int apply_seen(struct fold *f, const struct ledger_op *op) MUST_USE WORKER_FN;

/* ---- deny list (apply.c) ---- */
struct deny_change {
    const uint8_t *issuer, *serial;
    uint8_t action; /* 0: off */
    uint8_t by_state;
    const char *why;
    int64_t epoch, at_ms;
};
int deny_write(struct fold *f, const struct deny_change *d) MUST_USE WORKER_FN;
/** The card's slot is from now on what `s` says. */
int slot_write(struct fold *f, const struct op_slot *s) MUST_USE WORKER_FN;
/** What the list says: 0 not on it. ret_by_state may be NULL. */
int deny_read(struct fold *f, const uint8_t *issuer, const uint8_t *serial, uint8_t *ret_action,
              uint8_t *ret_by_state) MUST_USE WORKER_FN;

/* ---- events (apply.c) ---- */
struct event_at {
    int64_t at_ms, card, txn;
    const char *terminal;
};
int fold_event(struct fold *f, const struct event_at *at, const char *kind,
               const char *text) MUST_USE WORKER_FN;

/* ---- what a chip showed (seen.c, R1) ---- */
/* In card_full.due_has beside SEEN_…, set by a restore: the chip may have loads, or debits, that the books lost, until its online,
 * or offline, counter was judged; and whoever asks for money was not told yet that the chip is ahead. DUE_AHEAD: a view that
 * asked for no money showed that it is, and moved the due counters. */
enum {
    DUE_FREE = 0x08, /* a ride for nothing was the last: whether it moved the offline counter shows when the chip is seen */
    DUE_AHEAD = 0x10,
    DUE_DEBITS = 0x20,
    DUE_LOADS = 0x40,
    DUE_UNTOLD = 0x80,
    DUE_RESTORED = DUE_DEBITS | DUE_LOADS | DUE_UNTOLD
};
/** Has the chip gone on since the point to which the ledger was restored, and nobody was told? */
bool seen_ahead(const struct card_full *c, const struct card_seen *seen);
/** Is it known what the purse began with? Else only a view with SEEN_PROVEN counts. */
bool seen_baseline(const struct card_full *c);
/** Would seen_note() do anything with this view? */
bool seen_counts(const struct card_full *c, const struct card_seen *seen);
/** A transaction of the card is about to post: what its intent saw was a genuine card's, and sets
 * the baseline where there is none. Before its legs move. */
int seen_posted(struct fold *f, struct card_full *c, const struct card_seen *before,
                const struct event_at *at) MUST_USE WORKER_FN;
/** Notes it in the card's row; judges it against the books where no transaction is open. */
int seen_note(struct fold *f, struct card_full *c, const struct card_seen *seen,
              const struct event_at *at) MUST_USE WORKER_FN;
/** Money that stood on a card when it came to us: purse against the opening account, an adjustment
 * of the day. */
int opening_entry(struct fold *f, struct card_full *c, fen_t amount) MUST_USE WORKER_FN;

/** What the chip's last view lacks of the purse, posted records that it cannot show yet taken off; *ret_known false: the view is
 * not in step with the books, the chip did not prove itself in it (R9), or something is open. */
int seen_lacks(struct fold *f, const struct card_full *c, fen_t *ret_fen, bool *ret_known) MUST_USE WORKER_FN;
/** The purse moved without the chip: compares its last view anew where that is in step. */
int seen_again(struct fold *f, struct card_full *c, const struct event_at *at) MUST_USE WORKER_FN;

/* ---- records of offline terminals (offline_row.c, offline.c, R16) ---- */
/** Posted records of the card that move counters from ≤ … < to. */
struct offline_posted {
    uint32_t count;
    fen_t sum;
};
int offline_posted(struct fold *f, int64_t card, uint32_t from, uint32_t to,
                   struct offline_posted *ret) MUST_USE WORKER_FN;
int prepare_offline(struct fold *f, struct ledger_op *op) MUST_USE WORKER_FN;
int apply_offline(struct fold *f, const struct ledger_op *op) MUST_USE WORKER_FN;

/* ---- a lost card's purse (replaced.c) ---- */
int prepare_replaced(struct fold *f, struct ledger_op *op) MUST_USE WORKER_FN;
int apply_replaced(struct fold *f, const struct ledger_op *op) MUST_USE WORKER_FN;

/* ---- transactions (legs.c, record.c, apply_txn.c) ---- */
enum leg_move {
    LEGS_RESERVE, /* pending += */
    LEGS_POST,    /* pending -=, posted += */
    LEGS_RELEASE, /* pending -= */
    LEGS_DIRECT   /* posted += */
};
/** Moves a transaction's legs in the card's row and the hot accounts. `c` NULL: none of them is a
 * card's. */
int legs_move(struct fold *f, struct card_full *c, const struct leg *legs, unsigned count,
              enum leg_move how) MUST_USE WORKER_FN;
/** Shows (sign 1) or takes away (-1) a doubt in transit or suspense. */
int legs_doubt(struct fold *f, const struct op_intent *in, uint8_t suspense,
               int sign) MUST_USE WORKER_FN;
/** Sum of the legs on the card's own purse. */
fen_t legs_purse(const struct leg *legs, unsigned count);
bool leg_on_card(const struct leg *leg);

/** The version of a record as this intent would find it, 0 none, and the open transaction that holds
 * it, 0 none. */
int record_look(struct fold *f, const struct op_record *r, uint32_t *ret_version,
                int64_t *ret_held_by) MUST_USE WORKER_FN;
/** An open transaction that holds a record of this owner; 0: none does. */
int64_t record_holder(const struct fold *f, const char *owner);
/** Of a record that did not exist. One may have stood there before, and been removed: each write
 * took a journal row at least, so none had a version above the journal's length. */
uint32_t record_first_version(const struct fold *f);
/** Writes one record outside a transaction, of that day; nobody may hold it. */
int record_write(struct fold *f, date_t day, const struct op_record *r) MUST_USE WORKER_FN;
/** An intent whose outcome follows holds its records; no row says so. OC_EINTERNAL: another does. */
int records_lock(struct fold *f, const struct op_intent *in) MUST_USE;
/** Writes them and lets them go. */
int records_write(struct fold *f, const struct op_intent *in) MUST_USE WORKER_FN;
/** Lets them go. OC_EINTERNAL: the transaction did not hold them. */
int records_unlock(struct fold *f, const struct op_intent *in) MUST_USE;
/** What open transactions hold, read again out of their intents; uses f->intent. */
int records_reload(struct fold *f) MUST_USE WORKER_FN;
void records_forget(struct fold *f);

/* limits.c */
/** What an intent counts in the day's sums, in fen. */
fen_t limits_counted(const struct op_intent *in);
/** Does a written intent count in the day's sums of its card? */
bool limits_count_card(const struct op_intent *in);
/** Counts it there, and gives it back (R2): to the sums that counted it, as long as they are still the card's. */
void limits_count(struct card_full *c, const struct op_intent *in);
void limits_uncount(struct card_full *c, const struct op_intent *in);
/** What a written intent counts in the day's sums, in fen. */
fen_t limits_sum(const struct op_intent *in);
/** Are the limits of op->intent kept, on the card `c` (looked at where it has one) and the terminal? OC_EREFUSED. */
int limits_ask(const struct card_row *c, const struct terminal_full *t, struct ledger_op *op) MUST_USE;
/* refund.c */
/** Does it follow another transaction and give back: a refund, or an account plan with a link? */
bool refund_of(const struct op_intent *in);
/** Does what op->intent gives back stay within what the transaction moved that it follows? OC_EREFUSED. Uses f->intent. */
int refund_ask(struct fold *f, struct ledger_op *op) MUST_USE WORKER_FN;
/* concern.c */
/** Puts everybody whom it concerns into in->concerned, after the one who is there. OC_ELIMIT. */
int concern_reckon(struct op_intent *in) MUST_USE;
/** Keeps that, but for `holder` of the card ("": none), and whose deposits it pays into. */
int concern_write(struct fold *f, const struct op_intent *in, const char *holder) MUST_USE WORKER_FN;

/** OC_ENOENT. */
int txn_load(struct fold *f, int64_t id, struct txn_full *ret) MUST_USE WORKER_FN;
/** By idempotency key. OC_ENOENT. */
int txn_by_request(struct fold *f, const char *terminal, int64_t request_no,
                   struct txn_full *ret) MUST_USE WORKER_FN;
/** Reads a transaction's intent into f->intent. OC_EINTERNAL where the journal holds something
 * else. */
int txn_intent(struct fold *f, const struct txn_full *t) MUST_USE WORKER_FN;
/** OC_ENOENT. */
int terminal_load(struct fold *f, const char *id, struct terminal_full *ret) MUST_USE WORKER_FN;
/** OC_ENOENT. */
int participant_load(struct fold *f, const char *id,
                     struct participant_row *ret) MUST_USE WORKER_FN;
extern const struct sm txn_states, card_states, hold_states, message_states;
int apply_intent(struct fold *f, const struct ledger_op *op) MUST_USE WORKER_FN;
int apply_outcome(struct fold *f, const struct ledger_op *op) MUST_USE WORKER_FN;
int apply_refusal(struct fold *f, const struct ledger_op *op) MUST_USE WORKER_FN;

/* ---- holds at institutions (hold.c, R12) ---- */
/** The transaction's hold. OC_ENOENT. */
int hold_load(struct fold *f, int64_t txn, struct hold_row *ret) MUST_USE WORKER_FN;
int hold_insert(struct fold *f, const struct op_intent *in, int64_t at_ms) MUST_USE WORKER_FN;
/** The transaction was POSTED or VOIDED: the hold is to be confirmed or reversed, and the outbox says so. */
int hold_decided(struct fold *f, int64_t txn, bool posted, int64_t at_ms) MUST_USE WORKER_FN;
/** A confirm or reverse message was sent or dropped. */
int hold_told(struct fold *f, int64_t txn, bool sent, const char *note, int64_t at_ms) MUST_USE WORKER_FN;
int prepare_hold(struct fold *f, struct ledger_op *op) MUST_USE WORKER_FN;
int apply_hold(struct fold *f, const struct ledger_op *op) MUST_USE WORKER_FN;

/* ---- the outbox (message.c) ---- */
#define MESSAGE_CONFIRM "confirm"
#define MESSAGE_REVERSE "reverse"
/** Is it one of the ledger's own kinds, about a hold? */
bool message_of_hold(const char *kind);
int message_insert(struct fold *f, int64_t txn, int64_t at_ms, const struct op_message *m) MUST_USE WORKER_FN;
/** All messages of an intent that posts. */
int messages_insert(struct fold *f, const struct op_intent *in, int64_t at_ms) MUST_USE WORKER_FN;
int prepare_message(struct fold *f, struct ledger_op *op) MUST_USE WORKER_FN;
int apply_message(struct fold *f, const struct ledger_op *op) MUST_USE WORKER_FN;

/* ---- citizens, institutions' keys (citizen.c, participant_key.c) ---- */
/** Keeps a citizen's key; not journalled. OC_EEXIST, OC_ESTATE (erased). */
int citizen_key_put(struct fold *f, const char *citizen, uint8_t what, const struct citizen_key_row *key,
                    int64_t at_ms) MUST_USE WORKER_FN;
/** Was that (ERASE_…) of the citizen erased? An unknown one had nothing to erase. */
int citizen_erased(struct fold *f, const char *citizen, uint8_t what, bool *ret) MUST_USE WORKER_FN;
int prepare_citizen(struct fold *f, struct ledger_op *op) MUST_USE WORKER_FN;
int prepare_restored(struct fold *f, struct ledger_op *op) MUST_USE WORKER_FN;
int prepare_erased(struct fold *f, struct ledger_op *op) MUST_USE WORKER_FN;
int apply_erased(struct fold *f, const struct ledger_op *op) MUST_USE WORKER_FN;
int prepare_participant_key(struct fold *f, struct ledger_op *op) MUST_USE WORKER_FN;
int apply_participant_key(struct fold *f, const struct ledger_op *op) MUST_USE WORKER_FN;

/* ---- prepare ---- */
/** Fills reason and detail, gives OC_EREFUSED. */
int refuse(struct ledger_op *op, enum oc_reason reason, const char *fmt, ...) PRINTF_FN(3, 4);
/** Request numbers are JSON numbers: 0 … 2^53. OC_EREFUSED. */
int prepare_request_no(struct ledger_op *op, int64_t request_no) MUST_USE;
/** OC_ENOENT with these words: no such `what`. */
int prepare_missing(struct ledger_op *op, const char *what, const char *id);
/** OC_EINVAL with these words. */
int prepare_invalid(struct ledger_op *op, const char *why);
int prepare_authority(struct fold *f, struct ledger_op *op) MUST_USE WORKER_FN;
int prepare_terminal_key(struct fold *f, struct ledger_op *op) MUST_USE WORKER_FN;
int prepare_intent(struct fold *f, struct ledger_op *op) MUST_USE WORKER_FN;
/** Has this (terminal, request number) been here? 0: no; OC_EEXIST (`*ret_txn`), OC_ECONFLICT. */
int prepare_request(struct fold *f, struct ledger_op *op, const char *terminal, int64_t request_no,
                    const uint8_t hash[16], int64_t *ret_txn) MUST_USE WORKER_FN;

#endif
