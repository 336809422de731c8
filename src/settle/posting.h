/* What one posted transaction says for settlement. Pure. Private to this folder. */
#ifndef SETTLE_POSTING_H
#define SETTLE_POSTING_H

#include "settle/csv.h"
#include "settle/settle.h"

#define POSTING_CONCERNED (1 + LEDGER_LEGS)
#define POSTING_MASKED    32

/** Gross = borne by others + net, the citizen's part (R14). A refund's figures are negative. */
struct posting {
    fen_t gross, borne, net;
    fen_t purse;                           /* what the chip's account moved; loads positive */
    char bearers[LEDGER_LEGS * LEDGER_ID]; /* "treasury" or "civil;treasury" */
};
/** OC_EBOOKS: its legs do not sum to zero. */
int posting_read(const struct txn_row *t, struct posting *ret) MUST_USE;

/** Whom it concerns: the terminal's participant first, then everybody on whose account it stands.
 * At least one; "" where no participant is named. */
unsigned posting_concerned(const struct txn_row *t, const char *ret_ids[POSTING_CONCERNED]);
/** What it moved on the participant's accounts: owed to them for goods, owed by them for cash taken
 * (negative). */
void posting_position(const struct txn_row *t, const char *participant, fen_t *ret_merchant,
                      fen_t *ret_receivable);
/** The columns that postings and doubts share. */
struct posting_at {
    uint8_t issuer[OC_ISSUER_LEN], sam[OC_SAM_LEN];
    uint8_t plan_kind, card_type, refund;
    uint32_t terminal_seq;
    uint16_t counter;
    char terminal[LEDGER_ID], service[LEDGER_SERVICE];
};
void posting_at(const struct txn_row *t, struct posting_at *ret);
/** issuer, terminal, sam, sam_seq, counter, type, service. */
void posting_where(struct csv *c, const struct posting_at *at);

/** First six and last four digits; less of a short number. */
const char *posting_mask(const char *number, char out[POSTING_MASKED]);

/** Header and line of a participant's file. */
void posting_header(struct buf *b);
void posting_line(struct buf *b, const struct txn_row *t, const struct posting *p,
                  const char *masked, const char *participant);

#endif
