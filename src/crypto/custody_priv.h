/* The inside of custody, shared by its two files. */
#ifndef CRYPTO_CUSTODY_PRIV_H
#define CRYPTO_CUSTODY_PRIV_H

#include "crypto/custody.h"
#include <pthread.h>

#define CUSTODY_SLOTS_MAX 1024
#define CUSTODY_KEY_LEN   16

struct custody {
    pthread_mutex_t lock; /* guards all below */
    struct crypto *crypto;
    bool software_sam;
    size_t count;
    struct custody_slot slots[CUSTODY_SLOTS_MAX];
    uint8_t (*keys)[CUSTODY_KEY_LEN]; /* in locked memory, one for each slot */
};

/** The key that serves this card, diversified for it. With the lock held. OC_ENOKEY. */
int custody_card_key(struct custody *c, enum key_purpose purpose, const struct custody_card *card,
                     struct pboc_key *ret) MUST_USE;

#endif
