/* Fare tables, and rides by whatever table loads: every fen of a ride has somebody who pays or
 * bears it (R14), the same ride costs the same again (R17), and what a card has ridden goes through
 * its text unharmed. */
#include "fuzz_files.h"
#include "modules/transit/transit.h"

#include "base/base.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t a_station(const struct fare_table *t)
{
    if (t->station_count == 0)
        return fuzz_files_number(1000);
    return t->stations[fuzz_files_number(t->station_count)].id;
}

static void a_ride(const struct fare_table *t, struct fare_ride *ret)
{
    static const char *const none = "";
    fare_time day = fare_time_of(20260101 + (int32_t)fuzz_files_number(28), 0);
    *ret = (struct fare_ride){.at = day + fuzz_files_number(86400),
                              .line = t->line_count ? t->lines[fuzz_files_number(t->line_count)].id
                                                    : fuzz_files_number(9),
                              .from = a_station(t),
                              .to = a_station(t)};
    uint32_t how = fuzz_files_number(256);
    ret->end = ret->at + fuzz_files_number(20000);
    ret->category = t->concession_count > 0 && (how & 1)
                        ? t->concessions[fuzz_files_number(t->concession_count)].category
                        : none;
    ret->priced = how & 2;
    ret->price = how & 2 ? fuzz_files_number(100000) : 0;
    ret->surcharge = how & 4 ? fuzz_files_number(5000) : 0;
    ret->plain = how & 8;
}

static void a_pass(const struct fare_table *t, struct fare_sums *sums)
{
    if (t->pass_count == 0 || fuzz_files_number(3) != 1)
        return;
    struct fare_pass *p = &sums->passes[0];
    memcpy(p->id, t->passes[fuzz_files_number(t->pass_count)].id, sizeof p->id);
    memcpy(p->table, t->name, sizeof p->table);
    p->from = 20260101;
    p->until = 20260131;
    p->left = (int32_t)fuzz_files_number(5) - 1;
}

static void add_up(const struct fare *f, const char *op)
{
    struct fare_leg legs[FARE_LEGS_MAX];
    fen_t off = 0, all = 0;
    CHECK(f->gross >= 0 && f->citizen >= 0 && f->surcharge >= 0);
    CHECK(f->cut_count <= FARE_CUTS_MAX);
    for (unsigned i = 0; i < f->cut_count; i++) {
        CHECK(f->cuts[i].amount > 0 && fare_cut_name(f->cuts[i].kind)[0]);
        off += f->cuts[i].amount;
    }
    CHECK(f->citizen == f->gross - off && f->citizen >= f->surcharge);
    unsigned n = fare_legs(f, op, legs);
    CHECK(n <= FARE_LEGS_MAX);
    for (unsigned i = 0; i < n; i++)
        all += legs[i].amount;
    CHECK(all == f->citizen);
}

/* As the card's record keeps them. */
static void keep(struct fare_sums *sums)
{
    struct fare_sums back;
    char text[SUMS_TEXT], again[SUMS_TEXT];
    sums_text(sums, NULL, text);
    memset(&back, 0, sizeof back);
    if (!sums_read(text, &back))
        return; /* more passes than a text has room for */
    sums_text(&back, NULL, again);
    CHECK(strcmp(text, again) == 0);
}

static void ride_by(const struct fare_table *t)
{
    struct fare_sums sums = {0};
    struct fare_ride ride;
    struct fare f, g;
    CHECK(fare_cheapest(t) <= fare_dearest(t));
    a_pass(t, &sums);
    for (int i = 0; i < 12; i++) {
        a_ride(t, &ride);
        if (!fare_quote(t, &ride, &sums, &f))
            continue;
        add_up(&f, "op");
        CHECK(fare_quote(t, &ride, &sums, &g) && g.citizen == f.citizen && g.gross == f.gross);
        fare_count(t, &ride, &f, &sums);
        CHECK(sums.day_fen >= 0 && sums.month_fen >= 0);
        keep(&sums);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    void *ctx = NULL;
    int rc = transit_load(fuzz_files(data, size, "fares"), NULL, &ctx);
    CHECK(rc == 0 || fuzz_files_mistakes() > 0);
    if (rc == 0) {
        const struct transit *t = ctx;
        for (size_t i = 0; i < t->set.count; i++)
            ride_by(t->set.tables[i]);
        transit_unload(ctx);
    }
    fuzz_files_done();
    return 0;
}
