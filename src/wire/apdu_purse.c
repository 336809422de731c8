/* The electronic purse's commands and answers (facts §1.2). Layouts stand here once, in the order
 * of the standard. */
#include "wire/apdu_purse.h"

#include "base/base.h"
#include <string.h>

enum { P2_PURSE = 0x02, AMOUNT_MAX_BITS = 32 };

static void make(struct apdu *ret, struct apdu_head head, const void *data, size_t lc, int le)
{
    int err = apdu_make(ret, head, data, lc, le);
    CHECK(err == 0);
}

void apdu_get_balance(struct apdu *ret, uint8_t p1)
{
    make(ret, APDU_HEAD(0x80, 0x5C, p1, P2_PURSE), NULL, 0, 4);
}

struct init_data {
    uint8_t kid;
    fen_t amount;
    const uint8_t *sam;
};

static int initialize(struct apdu *ret, uint8_t p1, struct init_data d, int le)
{
    uint8_t data[1 + 4 + OC_SAM_LEN];
    if (d.amount < 0 || d.amount >> AMOUNT_MAX_BITS)
        return OC_EINVAL;
    data[0] = d.kid;
    put_be32(data + 1, (uint32_t)d.amount);
    memcpy(data + 5, d.sam, OC_SAM_LEN);
    return apdu_make(ret, APDU_HEAD(0x80, 0x50, p1, P2_PURSE), data, sizeof data, le);
}

int apdu_init_load(struct apdu *ret, uint8_t kid, fen_t amount, const uint8_t sam[OC_SAM_LEN])
{
    return initialize(ret, 0x00, (struct init_data){kid, amount, sam}, 16);
}

int apdu_init_purchase(struct apdu *ret, uint8_t kid, fen_t amount, const uint8_t sam[OC_SAM_LEN])
{
    return initialize(ret, 0x01, (struct init_data){kid, amount, sam}, 15);
}

int apdu_init_capp(struct apdu *ret, uint8_t kid, fen_t amount, const uint8_t sam[OC_SAM_LEN])
{
    return initialize(ret, 0x03, (struct init_data){kid, amount, sam}, 15);
}

void apdu_credit_load(struct apdu *ret, const uint8_t date[4], const uint8_t time[3],
                      const uint8_t mac2[4])
{
    uint8_t data[4 + 3 + 4];
    memcpy(data, date, 4);
    memcpy(data + 4, time, 3);
    memcpy(data + 7, mac2, 4);
    make(ret, APDU_HEAD(0x80, 0x52, 0x00, 0x00), data, sizeof data, 4);
}

int apdu_update_capp(struct apdu *ret, uint8_t p1, uint8_t p2, const void *record, size_t len)
{
    if (len == 0)
        return OC_EINVAL;
    return apdu_make(ret, APDU_HEAD(0x80, 0xDC, p1, p2), record, len, APDU_NO_LE);
}

void apdu_debit(struct apdu *ret, uint32_t sam_seq, const uint8_t date[4], const uint8_t time[3],
                const uint8_t mac1[4])
{
    uint8_t data[4 + 4 + 3 + 4];
    put_be32(data, sam_seq);
    memcpy(data + 4, date, 4);
    memcpy(data + 8, time, 3);
    memcpy(data + 11, mac1, 4);
    make(ret, APDU_HEAD(0x80, 0x54, 0x01, 0x00), data, sizeof data, 8);
}

void apdu_prove(struct apdu *ret, uint8_t type, uint16_t counter)
{
    uint8_t data[2];
    put_be16(data, counter);
    make(ret, APDU_HEAD(0x80, 0x5A, 0x00, type), data, sizeof data, 8);
}

void apdu_security_code(struct apdu *ret)
{
    make(ret, APDU_HEAD(0x80, 0xCA, 0x00, 0x00), NULL, 0, EP_CODE_LEN);
}

int apdu_parse_balance(const uint8_t *data, size_t len, fen_t *ret)
{
    if (len != 4)
        return OC_ECARD_DATA;
    *ret = be32(data);
    return 0;
}

int apdu_parse_init_load(const uint8_t *data, size_t len, struct init_load_answer *ret)
{
    if (len != 16)
        return OC_ECARD_DATA;
    struct init_load_answer a = {.balance = be32(data),
                                 .online_counter = be16(data + 4),
                                 .key_version = data[6],
                                 .alg = data[7]};
    memcpy(a.random, data + 8, 4);
    memcpy(a.mac1, data + 12, 4);
    *ret = a;
    return 0;
}

int apdu_parse_credit(const uint8_t *data, size_t len, struct credit_answer *ret)
{
    if (len != 4)
        return OC_ECARD_DATA;
    memcpy(ret->tac, data, 4);
    return 0;
}

int apdu_parse_init_purchase(const uint8_t *data, size_t len, struct init_purchase_answer *ret)
{
    if (len != 15)
        return OC_ECARD_DATA;
    struct init_purchase_answer a = {.balance = be32(data),
                                     .offline_counter = be16(data + 4),
                                     .overdraft = be32(data + 5) & 0xFFFFFF,
                                     .key_version = data[9],
                                     .alg = data[10]};
    memcpy(a.random, data + 11, 4);
    *ret = a;
    return 0;
}

int apdu_parse_debit(const uint8_t *data, size_t len, struct debit_answer *ret)
{
    if (len != 8)
        return OC_ECARD_DATA;
    memcpy(ret->tac, data, 4);
    memcpy(ret->mac2, data + 4, 4);
    return 0;
}

int apdu_parse_prove(const uint8_t *data, size_t len, struct prove_answer *ret)
{
    if (len != 8)
        return OC_ECARD_DATA;
    memcpy(ret->first, data, 4);
    memcpy(ret->second, data + 4, 4);
    return 0;
}

int apdu_parse_security_code(const uint8_t *data, size_t len, uint8_t ret_code[EP_CODE_LEN])
{
    if (len != EP_CODE_LEN)
        return OC_ECARD_DATA;
    memcpy(ret_code, data, EP_CODE_LEN);
    return 0;
}
