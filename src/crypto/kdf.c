/* Keys from passphrases (scrypt, on purpose slow) and keys from keys (HKDF-Expand, on purpose
 * fast). */
#include "crypto/kdf.h"

#include "base/base.h"
#include "crypto/context_priv.h"
#include <openssl/evp.h>
#include <string.h>

int kdf_passphrase(const char *passphrase, const struct kdf_cost *cost, uint8_t ret[32])
{
    size_t len = strlen(passphrase);
    if (len == 0 || cost->log2_n < 10 || cost->log2_n > 20 || cost->r < 1 || cost->r > 16 ||
        cost->p < 1 || cost->p > 4)
        return OC_EINVAL;
    uint64_t n = UINT64_C(1) << cost->log2_n;
    uint64_t memory = UINT64_C(128) * cost->r * (n + cost->p + 2) + (UINT64_C(1) << 20);
    uint8_t out[32];
    int ok = EVP_PBE_scrypt(passphrase, len, cost->salt, sizeof cost->salt, n, cost->r, cost->p,
                            memory, out, sizeof out);
    if (ok == 1)
        memcpy(ret, out, sizeof out);
    secret_wipe(out, sizeof out);
    return ok == 1 ? 0 : crypto_fail("scrypt");
}

int kdf_label(struct crypto *x, const uint8_t key[32], const char *label, uint8_t ret[32])
{
    static const uint8_t first = 1; /* one block of output is all we ask */
    if (!*label)
        return OC_EINVAL;
    return mac_hmac_sha256_parts(x, (struct bytes){key, 32},
                                 (const struct bytes[]){{label, strlen(label)}, {&first, 1}}, 2,
                                 ret);
}
