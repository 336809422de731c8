/* Authentication and secure messaging between host and card (facts §1.1, §4.4, §5). */
#include "crypto/pboc.h"

#include "base/base.h"
#include "crypto/pboc_priv.h"
#include <string.h>

enum { INTERNAL_MAX = 64 };

int pboc_external_auth(struct crypto *x, const struct pboc_key *key, const uint8_t *challenge,
                       size_t len, uint8_t ret[8])
{
    uint8_t block[16] = {0};
    if (len != 4 && len != 8)
        return OC_EINVAL;
    memcpy(block, challenge, len);
    int err = pboc_encipher(x, key, block, key->alg == PBOC_SM4 ? 16 : 8, block);
    if (err)
        return err;
    if (key->alg == PBOC_SM4) {
        for (size_t i = 0; i < 8; i++)
            block[i] ^= block[8 + i];
    }
    memcpy(ret, block, 8);
    return 0;
}

int pboc_internal_auth(struct crypto *x, const struct pboc_key *key, const uint8_t *data,
                       size_t len, uint8_t *ret)
{
    if (len == 0 || len > INTERNAL_MAX)
        return OC_EINVAL;
    return pboc_encipher(x, key, data, len, ret);
}

int pboc_sm_iv(const uint8_t *random, size_t len, uint8_t ret[8])
{
    if (len != 4 && len != 8)
        return OC_EINVAL;
    memset(ret, 0, 8);
    memcpy(ret, random, len);
    return 0;
}

int pboc_sm_mac(struct crypto *x, const struct pboc_key *key, const uint8_t iv[8],
                struct bytes data, uint8_t ret[PBOC_MAC_LEN])
{
    uint8_t mac[16], iv16[16] = {0};
    int err;
    if (!pboc_key_fits(key))
        return OC_EINVAL;
    memcpy(iv16, iv, 8);
    if (key->alg == PBOC_SM4)
        err = mac_sm4_cbc(x, key->bytes, iv16, data, mac);
    else if (key->len == 8)
        err = mac_des_cbc(x, key->bytes, iv, data, mac);
    else
        err = mac_des_retail(x, key->bytes, iv, data, mac);
    if (!err)
        memcpy(ret, mac, PBOC_MAC_LEN);
    return err;
}

int pboc_sm_encrypt(struct crypto *x, const struct pboc_key *key, struct bytes data,
                    struct buf *ret)
{
    uint8_t block[PBOC_SM_DATA_MAX + 2 + 16] = {0};
    size_t unit = key->alg == PBOC_SM4 ? SM4_BLOCK : DES_BLOCK;
    if (data.len > PBOC_SM_DATA_MAX)
        return OC_EINVAL;
    size_t len = 1 + data.len;
    block[0] = (uint8_t)data.len;
    if (data.len)
        memcpy(block + 1, data.data, data.len);
    if (len % unit)
        block[len++] = 0x80;
    len = (len + unit - 1) / unit * unit;
    int err = pboc_encipher(x, key, block, len, block);
    if (!err) {
        buf_put(ret, block, len);
        err = ret->err;
    }
    secret_wipe(block, sizeof block);
    return err;
}
