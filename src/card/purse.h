/* The electronic purse (PBOC 2.0 EP; facts §1.2, §3): one typed function for each command, by the
 * session's profile.
 *
 * Each needs an application selected by card_co_select (else OC_ESTATE) and returns 0 or
 *   OC_ECARD_SW    the status word in s->sw: card_moved() tells what it proves
 *   OC_ECARD_DATA  the answer has the wrong length; after 9000 to CREDIT or DEBIT the card *has*
 * moved (R5) OC_ECARD_GONE  not sent     OC_ETIMEDOUT  not sent, past s->deadline_ns (R4)
 * OC_ECANCELED  not sent OC_ECARD_LOST  sent and no answer. It is a doubt for CREDIT and DEBIT
 * only: no other command here moves value OC_EINVAL      amount not in 0 … 2^32-1 OC_EPROFILE this
 * kind of card cannot. Any command between INITIALIZE and CREDIT/DEBIT but UPDATE CAPP DATA CACHE
 * drops the card to idle: call nothing else there, the security code is read before, and the
 * journey record goes with the DEBIT. */
#ifndef CARD_PURSE_H
#define CARD_PURSE_H

#include "card/session.h"
#include "card/transmit.h"

/** An answer's balance in fen: masked as the profile says. The `balance` members of INITIALIZE
 * answers stand as on the card, because MAC1 is computed over them; what is decided or shown goes
 * through this. */
fen_t purse_fen(const struct card_profile *p, fen_t raw);

/** GET BALANCE by the profile's rules (mask; T-Union: purse value, or minus the overdraft used). */
int purse_co_balance(struct card_session *s, fen_t *ret) CO_FN MUST_USE;

/** INITIALIZE FOR LOAD with the profile's key id. ret->balance stands as on the card: purse_fen().
 */
int purse_co_init_load(struct card_session *s, fen_t amount, const uint8_t sam[OC_SAM_LEN],
                       struct init_load_answer *ret) CO_FN MUST_USE;
/** CREDIT FOR LOAD: moves value. date, time: the host's, packed BCD. */
int purse_co_credit_load(struct card_session *s, const uint8_t date[4], const uint8_t time[3],
                         const uint8_t mac2[4], struct credit_answer *ret) CO_FN MUST_USE;

/** INITIALIZE FOR PURCHASE, or for a CAPP purchase (`capp`; its amount may be 0). ret->balance:
 * purse_fen(). */
int purse_co_init_purchase(struct card_session *s, bool capp, fen_t amount,
                           const uint8_t sam[OC_SAM_LEN],
                           struct init_purchase_answer *ret) CO_FN MUST_USE;
/** The bytes that MAC1 of a purchase (or CAPP) ends with on this card: asks the card where the
 * profile says so, else *ret_len is 0 and nothing is sent. Before INITIALIZE (facts §4.5). */
int purse_co_security_code(struct card_session *s, bool capp, uint8_t ret_code[EP_CODE_LEN],
                           size_t *ret_len) CO_FN MUST_USE;
/** Reads the CAPP record as it lies on the card into `ret` (CAPP_RECORD_MAX), by the profile's ways
 * in order, and takes the first that has its head. OC_ENOENT: none written yet. */
int purse_co_capp_read(struct card_session *s, uint8_t *ret, size_t *ret_len) CO_FN MUST_USE;

/** What a DEBIT carries. */
struct purse_debit {
    uint32_t sam_seq; /* terminal transaction number (R10) */
    uint8_t date[4], time[3];
    uint8_t mac1[4];
    const uint8_t
        *capp; /* a whole journey record to be written to the CAPP cache just before; NULL: none */
    size_t capp_len;
};
/** DEBIT FOR PURCHASE / CAPP PURCHASE: moves value. Where a journey record goes before it, both
 * travel together, and every error is about the DEBIT; OC_ECARD_CACHE: the record was refused, the
 * DEBIT never sent. OC_EPROFILE: the card takes no record. */
int purse_co_debit(struct card_session *s, const struct purse_debit *d,
                   struct debit_answer *ret) CO_FN MUST_USE;

/** GET TRANSACTION PROVE for the transaction of `type` whose INITIALIZE answer reported `counter`
 * (before the increment: what the intent has); the profile turns it into what the card wants.
 * OC_ENOENT: the card says that it has no proof for that counter. OC_EPROFILE: cards of this
 * profile have no such command. The order of the halves is profile->purse.prove_order; compare by
 * recomputing (R3). */
int purse_co_prove(struct card_session *s, uint8_t type, uint16_t counter,
                   struct prove_answer *ret) CO_FN MUST_USE;

#define PURSE_LOG_MAX 32
/** The card's log. Counters are turned to *before the increment*, as intents have them. */
struct purse_log {
    struct ep_log records[PURSE_LOG_MAX];
    size_t count;
    bool complete; /* every record could be read: what is not among them was overwritten or never
                      was */
};
/** Reads the whole log (`loads`: the log of loads; the same file on most cards), newest first where
 * the card keeps it so. */
int purse_co_log(struct card_session *s, bool loads, struct purse_log *ret) CO_FN MUST_USE;
/** The record of the transaction that INITIALIZE reported `counter` for, in a log that was read: by
 * counter and kind of counter (loads count online, everything else offline). NULL: none. Whether it
 * is *ours* the caller compares (R3). */
const struct ep_log *purse_log_find(const struct card_profile *p, const struct purse_log *log,
                                    bool load, uint16_t counter);

#endif
