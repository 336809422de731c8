/* The commands of the PBOC electronic purse (JR/T 0025 EP; facts §1.2) and their answers, typed.
 * Builders give complete commands with the Le the standard names; parsers take the answer's data
 * without the status word and say OC_ECARD_DATA for any other length. Balances are given as 32 bits
 * stand on the card: masking of the top bit and the order of a proof's halves are properties of the
 * profile. Amounts are fen, 0 … 2^32-1; else OC_EINVAL. */
#ifndef WIRE_APDU_PURSE_H
#define WIRE_APDU_PURSE_H

#include "wire/apdu.h"
#include <onecard/types.h>

/** Transaction types inside MACs, TACs and log records. */
enum ep_type {
    EP_TYPE_ED_LOAD = 0x01,
    EP_TYPE_LOAD = 0x02,
    EP_TYPE_UNLOAD = 0x03,
    EP_TYPE_CASH = 0x04,
    EP_TYPE_ED_PURCHASE = 0x05,
    EP_TYPE_PURCHASE = 0x06,
    EP_TYPE_OVERDRAFT = 0x07,
    EP_TYPE_CAPP = 0x09
};

#define EP_CODE_LEN 9 /* security code of MOHURD cards */

struct init_load_answer {
    fen_t balance;
    uint16_t online_counter; /* before the increment */
    uint8_t key_version, alg;
    uint8_t random[4], mac1[4];
};
struct init_purchase_answer {
    fen_t balance;
    uint16_t offline_counter; /* before the increment */
    uint32_t overdraft;       /* limit, 24 bits */
    uint8_t key_version, alg;
    uint8_t random[4];
};
struct debit_answer {
    uint8_t tac[4], mac2[4];
};
struct credit_answer {
    uint8_t tac[4];
};
/** The two halves as they came; MAC‖TAC in the manual, TAC‖MAC2 in one report (facts §3): find out
 * by recomputing. */
struct prove_answer {
    uint8_t first[4], second[4];
};

/** GET BALANCE 80 5C p1 02 04. `p1` 00, or 01 limit / 02 used / 03 purse on T-Union cards. */
void apdu_get_balance(struct apdu *ret, uint8_t p1);
/** INITIALIZE FOR LOAD 80 50 00 02 0B kid amount sam, Le 10. */
int apdu_init_load(struct apdu *ret, uint8_t kid, fen_t amount,
                   const uint8_t sam[OC_SAM_LEN]) MUST_USE;
/** CREDIT FOR LOAD 80 52 00 00 0B date time MAC2, Le 04. */
void apdu_credit_load(struct apdu *ret, const uint8_t date[4], const uint8_t time[3],
                      const uint8_t mac2[4]);
/** INITIALIZE FOR PURCHASE 80 50 01 02 0B kid amount sam, Le 0F. */
int apdu_init_purchase(struct apdu *ret, uint8_t kid, fen_t amount,
                       const uint8_t sam[OC_SAM_LEN]) MUST_USE;
/** INITIALIZE FOR CAPP PURCHASE 80 50 03 02 0B …; the amount may be 0. */
int apdu_init_capp(struct apdu *ret, uint8_t kid, fen_t amount,
                   const uint8_t sam[OC_SAM_LEN]) MUST_USE;
/** UPDATE CAPP DATA CACHE 80 DC p1 p2 with `len` bytes. Committed by the DEBIT that follows.
 * OC_EINVAL: not 1–255. */
int apdu_update_capp(struct apdu *ret, uint8_t p1, uint8_t p2, const void *record,
                     size_t len) MUST_USE;
/** DEBIT FOR PURCHASE / CAPP 80 54 01 00 0F sam_seq date time MAC1, Le 08. */
void apdu_debit(struct apdu *ret, uint32_t sam_seq, const uint8_t date[4], const uint8_t time[3],
                const uint8_t mac1[4]);
/** GET TRANSACTION PROVE 80 5A 00 type 02 counter, Le 08. On real cards the counter after the
 * increment (facts §3). */
void apdu_prove(struct apdu *ret, uint8_t type, uint16_t counter);
/** GET SECURITY CODE 80 CA 00 00 09 (MOHURD). */
void apdu_security_code(struct apdu *ret);

int apdu_parse_balance(const uint8_t *data, size_t len, fen_t *ret) MUST_USE; /* 4 bytes */
int apdu_parse_init_load(const uint8_t *data, size_t len,
                         struct init_load_answer *ret) MUST_USE;                            /* 16 */
int apdu_parse_credit(const uint8_t *data, size_t len, struct credit_answer *ret) MUST_USE; /* 4 */
int apdu_parse_init_purchase(const uint8_t *data, size_t len,
                             struct init_purchase_answer *ret) MUST_USE; /* 15; CAPP too */
int apdu_parse_debit(const uint8_t *data, size_t len,
                     struct debit_answer *ret) MUST_USE; /* 8, TAC first */
int apdu_parse_prove(const uint8_t *data, size_t len, struct prove_answer *ret) MUST_USE; /* 8 */
int apdu_parse_security_code(const uint8_t *data, size_t len,
                             uint8_t ret_code[EP_CODE_LEN]) MUST_USE; /* 9 */

#endif
