/* The MACs of load and purchase (facts §4.3). Each function is its line of the table there: what
 * the data are, in order. */
#include "crypto/pboc.h"

#include "base/base.h"
#include "crypto/pboc_priv.h"
#include <string.h>

enum { DATA_MAX = 64 };

int pboc_mac(struct crypto *x, const struct pboc_session *s, struct bytes data,
             uint8_t ret[PBOC_MAC_LEN])
{
    uint8_t mac[16];
    int err;
    if (s->alg == PBOC_SM4 && s->len == 16)
        err = mac_sm4_cbc(x, s->bytes, NULL, data, mac);
    else if ((s->alg == PBOC_3DES || s->alg == PBOC_DES) && s->len == 8)
        err = mac_des_cbc(x, s->bytes, NULL, data, mac);
    else
        err = OC_EINVAL;
    if (!err)
        memcpy(ret, mac, PBOC_MAC_LEN);
    return err;
}

static int mac_buf(struct crypto *x, const struct pboc_session *s, const struct buf *b,
                   uint8_t ret[PBOC_MAC_LEN])
{
    return b->err ? b->err : pboc_mac(x, s, (struct bytes){b->data, b->len}, ret);
}

static void put_when(struct buf *b, const uint8_t date[4], const uint8_t time[3])
{
    buf_put(b, date, 4);
    buf_put(b, time, 3);
}

int pboc_load_mac1(struct crypto *x, const struct pboc_session *s, const struct pboc_load *l,
                   uint8_t ret[4])
{
    uint8_t mem[DATA_MAX];
    struct buf b;
    buf_over(&b, mem, sizeof mem);
    buf_put_u32(&b, l->balance_before);
    buf_put_u32(&b, l->amount);
    buf_put_u8(&b, l->type);
    buf_put(&b, l->sam, sizeof l->sam);
    return mac_buf(x, s, &b, ret);
}

int pboc_load_mac2(struct crypto *x, const struct pboc_session *s, const struct pboc_load *l,
                   uint8_t ret[4])
{
    uint8_t mem[DATA_MAX];
    struct buf b;
    buf_over(&b, mem, sizeof mem);
    buf_put_u32(&b, l->amount);
    buf_put_u8(&b, l->type);
    buf_put(&b, l->sam, sizeof l->sam);
    put_when(&b, l->date, l->time);
    return mac_buf(x, s, &b, ret);
}

int pboc_load_tac(struct crypto *x, const struct pboc_session *tac_key, const struct pboc_load *l,
                  uint8_t ret[4])
{
    uint8_t mem[DATA_MAX];
    struct buf b;
    buf_over(&b, mem, sizeof mem);
    buf_put_u32(&b, l->balance_after);
    buf_put_u16(&b, l->counter);
    buf_put_u32(&b, l->amount);
    buf_put_u8(&b, l->type);
    buf_put(&b, l->sam, sizeof l->sam);
    put_when(&b, l->date, l->time);
    return mac_buf(x, tac_key, &b, ret);
}

int pboc_purchase_mac1(struct crypto *x, const struct pboc_session *s,
                       const struct pboc_purchase *p, uint8_t ret[4])
{
    uint8_t mem[DATA_MAX];
    struct buf b;
    if (p->code_len > sizeof p->code)
        return OC_EINVAL;
    buf_over(&b, mem, sizeof mem);
    buf_put_u32(&b, p->amount);
    buf_put_u8(&b, p->type);
    buf_put(&b, p->sam, sizeof p->sam);
    put_when(&b, p->date, p->time);
    buf_put(&b, p->code, p->code_len);
    return mac_buf(x, s, &b, ret);
}

int pboc_purchase_mac2(struct crypto *x, const struct pboc_session *s,
                       const struct pboc_purchase *p, uint8_t ret[4])
{
    uint8_t amount[4];
    put_be32(amount, p->amount);
    return pboc_mac(x, s, (struct bytes){amount, sizeof amount}, ret);
}

int pboc_purchase_tac(struct crypto *x, const struct pboc_session *tac_key,
                      const struct pboc_purchase *p, uint8_t ret[4])
{
    uint8_t mem[DATA_MAX];
    struct buf b;
    buf_over(&b, mem, sizeof mem);
    buf_put_u32(&b, p->amount);
    buf_put_u8(&b, p->type);
    buf_put(&b, p->sam, sizeof p->sam);
    buf_put_u32(&b, p->sam_seq);
    put_when(&b, p->date, p->time);
    return mac_buf(x, tac_key, &b, ret);
}
