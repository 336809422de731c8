/* Keys of the purse: from bytes, diversified, of a session, of a TAC (facts §4.1–4.3, §5). */
#include "crypto/pboc.h"

#include "base/base.h"
#include "crypto/pboc_priv.h"
#include <string.h>

static size_t key_len(enum pboc_alg alg)
{
    return alg == PBOC_DES ? 8 : 16;
}

bool pboc_key_fits(const struct pboc_key *k)
{
    return (k->alg == PBOC_3DES || k->alg == PBOC_DES || k->alg == PBOC_SM4) &&
           k->len == key_len(k->alg);
}

int pboc_key_set(struct pboc_key *ret, enum pboc_alg alg, const void *bytes, size_t len)
{
    if (alg != PBOC_3DES && alg != PBOC_DES && alg != PBOC_SM4)
        return OC_EINVAL;
    if (len != 16 && !(alg == PBOC_DES && len == 8))
        return OC_EINVAL;
    struct pboc_key k = {.alg = alg, .len = (uint8_t)key_len(alg)};
    memcpy(k.bytes, bytes, k.len);
    *ret = k;
    pboc_key_wipe(&k);
    return 0;
}

void pboc_key_wipe(struct pboc_key *k)
{
    secret_wipe(k, sizeof *k);
}

void pboc_session_wipe(struct pboc_session *s)
{
    secret_wipe(s, sizeof *s);
}

int pboc_encipher(struct crypto *x, const struct pboc_key *k, const uint8_t *in, size_t len,
                  uint8_t *ret)
{
    if (!pboc_key_fits(k))
        return OC_EINVAL;
    if (k->alg == PBOC_SM4)
        return mac_sm4_ecb(x, k->bytes, in, len, ret);
    return mac_des_ecb(x, (struct bytes){k->bytes, k->len}, in, len, ret);
}

int pboc_kcv(struct crypto *x, const struct pboc_key *key, uint8_t ret[3])
{
    uint8_t block[16] = {0};
    int err = pboc_encipher(x, key, block, key->alg == PBOC_SM4 ? SM4_BLOCK : DES_BLOCK, block);
    if (!err)
        memcpy(ret, block, 3);
    secret_wipe(block, sizeof block);
    return err;
}

/** f ‖ NOT f */
static void double_block(const uint8_t f[8], uint8_t ret[16])
{
    for (size_t i = 0; i < 8; i++) {
        ret[i] = f[i];
        ret[8 + i] = (uint8_t)~f[i];
    }
}

int pboc_diversify(struct crypto *x, const struct pboc_key *mk, const uint8_t factor[8],
                   struct pboc_key *ret)
{
    uint8_t block[16];
    double_block(factor, block);
    struct pboc_key k = {.alg = mk->alg, .len = mk->len};
    int err = pboc_encipher(x, mk, block, mk->len == 8 ? 8 : 16, k.bytes);
    if (!err)
        *ret = k;
    pboc_key_wipe(&k);
    return err;
}

int pboc_diversify_n(struct crypto *x, const struct pboc_key *mk, const uint8_t (*factors)[8],
                     size_t levels, struct pboc_key *ret)
{
    if (levels > PBOC_LEVELS_MAX || !pboc_key_fits(mk))
        return OC_EINVAL;
    struct pboc_key k = *mk;
    int err = 0;
    for (size_t i = 0; i < levels && !err; i++)
        err = pboc_diversify(x, &k, factors[i], &k);
    if (!err)
        *ret = k;
    pboc_key_wipe(&k);
    return err;
}

static int session(struct crypto *x, const struct pboc_key *k, const uint8_t x8[8],
                   struct pboc_session *ret)
{
    uint8_t block[16];
    double_block(x8, block);
    struct pboc_session s = {.alg = k->alg, .len = k->alg == PBOC_SM4 ? 16 : 8};
    int err = pboc_encipher(x, k, block, s.len, s.bytes);
    if (!err)
        *ret = s;
    pboc_session_wipe(&s);
    return err;
}

int pboc_load_session(struct crypto *x, const struct pboc_key *dlk, const struct pboc_load *l,
                      struct pboc_session *ret)
{
    uint8_t data[8];
    memcpy(data, l->random, 4);
    put_be16(data + 4, l->counter);
    put_be16(data + 6, 0x8000);
    return session(x, dlk, data, ret);
}

int pboc_purchase_session(struct crypto *x, const struct pboc_key *dpk,
                          const struct pboc_purchase *p, struct pboc_session *ret)
{
    uint8_t data[8];
    memcpy(data, p->random, 4);
    put_be16(data + 4, p->counter);
    put_be16(data + 6, (uint16_t)p->sam_seq);
    return session(x, dpk, data, ret);
}

int pboc_tac_key(const struct pboc_key *dtk, struct pboc_session *ret)
{
    if (!pboc_key_fits(dtk))
        return OC_EINVAL;
    struct pboc_session s = {.alg = dtk->alg, .len = dtk->alg == PBOC_SM4 ? 16 : 8};
    memcpy(s.bytes, dtk->bytes, s.len);
    if (dtk->alg == PBOC_3DES) {
        for (size_t i = 0; i < 8; i++)
            s.bytes[i] ^= dtk->bytes[8 + i];
    }
    *ret = s;
    pboc_session_wipe(&s);
    return 0;
}
