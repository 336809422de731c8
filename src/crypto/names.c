/* Names of purposes and algorithms, as operators type them and rows keep them. */
#include "crypto/custody.h"

#include "base/base.h"
#include <string.h>

static const char *const purposes[] = {
    [KEY_PURCHASE] = "purchase",
    [KEY_LOAD] = "load",
    [KEY_TAC] = "tac",
    [KEY_INTERNAL] = "internal",
    [KEY_MAINTENANCE] = "maintenance",
    [KEY_MAIN] = "main",
    [KEY_EXTERNAL] = "external",
    [KEY_LOCK] = "lock",
    [KEY_UNLOCK] = "unlock",
    [KEY_PIN_UNBLOCK] = "pin-unblock",
    [KEY_PIN_RELOAD] = "pin-reload",
    [KEY_UNLOAD] = "unload",
    [KEY_OVERDRAFT] = "overdraft",
};

static const struct {
    enum pboc_alg alg;
    const char *name;
} algs[] = {{PBOC_3DES, "3des"}, {PBOC_DES, "des"}, {PBOC_SM4, "sm4"}};

const char *key_purpose_name(enum key_purpose p)
{
    return (unsigned)p < ARRAY_LEN(purposes) && purposes[p] ? purposes[p] : "?";
}

int key_purpose_parse(const char *name, enum key_purpose *ret)
{
    for (unsigned i = 0; i < ARRAY_LEN(purposes); i++) {
        if (purposes[i] && strcmp(purposes[i], name) == 0) {
            *ret = (enum key_purpose)i;
            return 0;
        }
    }
    return OC_EINVAL;
}

const char *pboc_alg_name(enum pboc_alg alg)
{
    for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
        if (algs[i].alg == alg)
            return algs[i].name;
    }
    return "?";
}

int pboc_alg_parse(const char *name, enum pboc_alg *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
        if (strcmp(algs[i].name, name) == 0) {
            *ret = algs[i].alg;
            return 0;
        }
    }
    return OC_EINVAL;
}
