/* Signatures over manifests (HMAC under a site key) and verification of SM2. SM2 objects are made
 * for each call: a verification costs some 200 µs, beside which a fetch is nothing. */
#include "crypto/sign.h"

#include "base/base.h"
#include "crypto/context_priv.h"
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <string.h>

static const char prefix[] = "onecard manifest 1";

int sign_hmac(struct crypto *x, const uint8_t key[32], const uint8_t hash[SHA256_LEN],
              uint8_t ret[SHA256_LEN])
{
    return mac_hmac_sha256_parts(
        x, (struct bytes){key, 32},
        (const struct bytes[]){{prefix, sizeof prefix}, {hash, SHA256_LEN}}, 2, ret);
}

int sign_hmac_verify(struct crypto *x, const uint8_t key[32], const uint8_t hash[SHA256_LEN],
                     const uint8_t signature[SHA256_LEN])
{
    uint8_t ours[SHA256_LEN];
    int err = sign_hmac(x, key, hash, ours);
    if (!err && !secret_equal(ours, signature, sizeof ours))
        err = OC_EMAC;
    return err;
}

/** The public key of a point, NULL when it does not lie on the curve. */
static EVP_PKEY *sm2_key(const uint8_t point[64])
{
    uint8_t encoded[65] = {0x04};
    char group[] = "SM2";
    memcpy(encoded + 1, point, 64);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, encoded, sizeof encoded),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "SM2", NULL);
    if (ctx && (EVP_PKEY_fromdata_init(ctx) != 1 ||
                EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1))
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    return key;
}

/** r‖s as DER; *ret is OPENSSL_free'd by the caller. Its length, or 0. */
static int signature_der(const uint8_t signature[64], unsigned char **ret)
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, 32, NULL), *s = BN_bin2bn(signature + 32, 32, NULL);
    int len = 0;
    if (sig && r && s && ECDSA_SIG_set0(sig, r, s) == 1)
        len = i2d_ECDSA_SIG(sig, ret);
    else {
        BN_free(r);
        BN_free(s);
    }
    ECDSA_SIG_free(sig);
    return len > 0 ? len : 0;
}

static int digest_verify(EVP_PKEY *key, struct bytes message, struct bytes der, const char *user_id)
{
    int err = OC_ECRYPTO;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    if (md && ctx && EVP_PKEY_CTX_set1_id(ctx, user_id, (int)strlen(user_id)) == 1) {
        EVP_MD_CTX_set_pkey_ctx(md, ctx);
        if (EVP_DigestVerifyInit_ex(md, NULL, "SM3", NULL, NULL, key, NULL) == 1)
            err = EVP_DigestVerify(md, der.data, der.len, message.data, message.len) == 1 ? 0
                                                                                          : OC_EMAC;
    }
    EVP_MD_CTX_free(md);
    EVP_PKEY_CTX_free(ctx);
    return err;
}

int sign_sm2_verify(const uint8_t point[64], struct bytes message, const uint8_t signature[64],
                    const char *user_id)
{
    unsigned char *der = NULL;
    EVP_PKEY *key = sm2_key(point);
    if (!key) {
        ERR_clear_error();
        return OC_EINVAL;
    }
    int len = signature_der(signature, &der);
    int err = OC_ECRYPTO;
    if (len)
        err = digest_verify(key, message, (struct bytes){der, (size_t)len},
                            user_id ? user_id : "1234567812345678");
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    if (err == OC_ECRYPTO)
        return crypto_fail("SM2");
    ERR_clear_error();
    return err;
}
