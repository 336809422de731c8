/* The flat fare with concessions. Nothing but arithmetic may live in this file. */
#include "fare.h"

#include <string.h>

struct fare fare_full(fen_t gross)
{
    return (struct fare){.gross = gross, .citizen = gross};
}

/* What a claim is worth today: its category, or "" outside its days and for those who pay in full
 * anyway. */
static const char *worth(const struct fare_claim *c, int32_t today)
{
    if ((c->from && today < c->from) || (c->until && today > c->until)) {
        return "";
    }
    return strcmp(c->category, "adult") == 0 ? "" : c->category;
}

static const struct fare_concession *find(const struct fare_table *table, const char *category)
{
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->items[i].category, category) == 0) {
            return &table->items[i];
        }
    }
    return NULL;
}

struct fare fare_of(const struct fare_table *table, fen_t gross, const struct fare_claim *card,
                    const struct fare_claim *ledger, int32_t today)
{
    struct fare f = fare_full(gross);
    const char *of_card = worth(card, today);
    f.mismatch = strcmp(of_card, worth(ledger, today)) != 0;
    if (f.mismatch || !*of_card) {
        return f;
    }
    f.applied = find(table, of_card);
    if (f.applied) {
        f.citizen = (gross * (fen_t)f.applied->percent + 50) / 100;
        f.borne = gross - f.citizen;
    }
    return f;
}

bool fare_percent(const char *text, unsigned *ret_percent)
{
    if (strcmp(text, "free") == 0) {
        *ret_percent = 0;
        return true;
    }
    unsigned n = 0;
    size_t digits = strspn(text, "0123456789");
    for (size_t i = 0; i < digits && n <= 100; i++) {
        n = n * 10 + (unsigned)(text[i] - '0');
    }
    bool ends = !text[digits] || (text[digits] == '%' && !text[digits + 1]);
    if (digits == 0 || n > 100 || !ends) {
        return false;
    }
    *ret_percent = n;
    return true;
}
