/* A small city that settles: the ledger fixture, a pool, a folder. Results are looked at after the
 * loop. */
#ifndef TESTS_SETTLE_CITY_H
#define TESTS_SETTLE_CITY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger_fixture.h"
#include "settle/settle.h"
#include <string.h>

struct city {
    struct ledger_fixture f;
    struct settle_env env;
    struct settle_report rep;
    struct crypto *crypto;
    struct pool *pool;
    char dir[160], text[16384];
    date_t date, due[4];
    unsigned due_n, due_cap, progress, progress_cancel;
    bool preview;
};

int city_setup(void **state);
int city_teardown(void **state);

/** Settles, previews, verifies; the report is in c->rep. */
int city_run(struct city *c, date_t date);
int city_preview(struct city *c, date_t date);
int city_verify(struct city *c, date_t date);
int city_due(struct city *c, unsigned cap);
/** Closes the day and lets the night pass. */
int city_close_day(struct city *c, date_t date);
/** `text` with "@1", "@2", "@3" replaced by the first days' dates, into `out`; returns out. */
const char *city_days(const char *text, char out[64]);
/** The path of something under the settlement folder; "@1" and so on as above, here and below. */
const char *city_path(const struct city *c, const char *path, char out[512]);
/** The whole file under the settlement folder; "" where there is none. */
const char *city_read(struct city *c, const char *path);
bool city_there(struct city *c, const char *path);
int city_write(struct city *c, const char *path, const char *text, const char *mode);
/** Removes "<day>" with its files. */
void city_forget(struct city *c, const char *day);
/** One statement on the ledger file, behind its back. */
int city_sql(struct city *c, const char *sql);

/** A ride at T3 of P2 on card `card`: gross, of which `borne` is on the treasury. Fills the scratch
 * operation. */
struct op_intent *city_ride(struct city *c, unsigned card, fen_t gross, fen_t borne);

#endif
