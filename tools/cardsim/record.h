/* Where a record goes, shared by UPDATE RECORD and the compound purchase. */
#ifndef CARDSIM_RECORD_H
#define CARDSIM_RECORD_H

#include "card.h"

struct record_place {
    uint8_t p1;   /* number or tag */
    uint8_t mode; /* low three bits of P2: 4 by number, 0 by tag, 2 and 3 add */
    bool capp;    /* of a compound purchase: a cyclic file always gets one more */
};

/* Puts a record; dry only says whether it would go. One definition of the rules for both callers.
 */
uint16_t cs_record_put(struct cardsim *c, struct node *n, const struct record_place *where,
                       const uint8_t *data, size_t len, bool dry);

#endif
