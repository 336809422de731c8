/* A fund's monthly claim as the ledger knows it, and the fund's answer to it. Private to this
 * folder. Two kinds of records:
 *
 * - scope "@settle", owner "claims", key "<fund>/<month>": its manifest, its sum, what was deducted;
 * - scope "@settle.cuts", owner "<fund>/<month>", key "<transaction>": one deduction 扣减. */
#ifndef SETTLE_ANSWER_H
#define SETTLE_ANSWER_H

#include "settle/item.h"

#define CLAIM_OWNER "claims"
#define CLAIM_CUTS  "@settle.cuts"

struct claim_record {
    fen_t amount, deducted; /* deducted: booked so far */
    int64_t lines, cuts;
    bool answered; /* all of the answer is booked, and the rest is an item of payment */
    uint8_t manifest_sha256[SHA256_LEN];
    uint32_t version;
};
/** "<fund>/<2026-11>" into out; returns out. */
const char *claim_key(const char *fund, const char *month, char out[ITEM_NAME]);
/** OC_ENOENT. */
int claim_co_load(struct settle_env *env, const char *fund, const char *month,
                  struct claim_record *ret) MUST_USE CO_FN;
/** Adds the record as it shall stand. */
void claim_write(struct booking *b, const char *fund, const char *month,
                 const struct claim_record *r);
int claim_read(const char *doc, size_t len, struct claim_record *ret) MUST_USE;
/** What a posting moved of the fund's account, as a claim counts it; the settlement's own bookings
 * are not claimed. */
fen_t claim_of(const struct txn_row *t, const char *fund);
/** The hospital or shop on whose account it stands; "": none. */
const char *claim_payee(const struct txn_row *t);

#endif
