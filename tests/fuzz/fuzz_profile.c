/* A profile from outside, then a card's files by it: whatever loads must be safe to use. The input
 * is the YAML text, a NUL, and the bytes of a card. */
#include "card/profile.h"

#include <string.h>

static void use(const struct card_profile *p, const uint8_t *card, size_t len)
{
    uint8_t factors[PROFILE_LEVELS_MAX][8], record[CAPP_RECORD_MAX], file[PROFILE_IDENTITY_MAX];
    struct card_evidence e = {.historical = card,
                              .historical_len = len,
                              .aid = card,
                              .aid_len = len,
                              .identity = card,
                              .identity_len = len};
    struct card_identity id;
    struct capp_values v;
    size_t made;

    (void)profile_fits(p, &e);
    if (profile_identity(p, card, len, &id) == 0) {
        (void)profile_factors(p, &id, factors);
        if (profile_identity_make(p, &id, file, &made) == 0)
            CHECK(made <= sizeof(file));
    }
    if (profile_capp_decode(p, card, len, &v) == 0) {
        (void)profile_capp_encode(p, &v, record);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = memchr(data, 0, size);
    size_t text = nul ? (size_t)(nul - data) : size;
    struct profile_set *set = profile_set_new();
    struct conf_errors errors;

    if (!set)
        return 0;
    conf_errors_init(&errors);
    int rc = profile_set_add(set, "fuzz.yaml", data, text, &errors);
    CHECK(rc == 0 || errors.count > 0);
    if (rc == 0 && nul)
        use(profile_at(set, 0), nul + 1, size - text - 1);
    conf_errors_fini(&errors);
    profile_set_free(&set);
    return 0;
}
