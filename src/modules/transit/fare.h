/* What a ride costs: a pure function of (table, card, date), so that the same fare comes out
 * wherever it is computed (R17). */
#ifndef TRANSIT_FARE_H
#define TRANSIT_FARE_H

#include <onecard/types.h>

#include <stdbool.h>
#include <stddef.h>

#define FARE_CATEGORIES_MAX 16
#define FARE_NAME           32

/** Who rides for less, and who bears the rest (R14). */
struct fare_concession {
    char category[FARE_NAME];
    char bearer[FARE_NAME];
    unsigned percent; /* paid by the citizen, 0 … 100 */
};
struct fare_table {
    struct fare_concession items[FARE_CATEGORIES_MAX];
    size_t count;
};
/** A category as one side says it. Dates YYYYMMDD, 0: open. */
struct fare_claim {
    const char *category; /* "" or "adult": none */
    int32_t from, until;
};

struct fare {
    fen_t gross;                           /* what the ride costs */
    fen_t citizen;                         /* the chip pays; rounded half up to the fen */
    fen_t borne;                           /* the bearer pays the rest */
    const struct fare_concession *applied; /* NULL: full fare */
    bool mismatch; /* card and ledger differ on the category today: full fare, and somebody should
                      look */
};

/** The fare on `today`. A concession applies where card and ledger both claim the same category,
 * both valid today. */
struct fare fare_of(const struct fare_table *table, fen_t gross, const struct fare_claim *card,
                    const struct fare_claim *ledger, int32_t today);
/** The same without any concession. */
struct fare fare_full(fen_t gross);
/** "50%", "50" or "free" to what the citizen pays. False: no such thing. */
bool fare_percent(const char *text, unsigned *ret_percent);

#endif
