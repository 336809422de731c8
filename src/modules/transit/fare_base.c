/* What a way costs by the table, and the table's own lists. Tables are sorted when they are read.
 */
#include "fare.h"

#include <stdlib.h>
#include <string.h>

const struct fare_table *fare_table_at(const struct fare_set *set, const char *name, fare_time at)
{
    const struct fare_table *best = NULL;
    int32_t day = fare_date(at);
    for (size_t i = 0; i < set->count; i++) {
        const struct fare_table *t = set->tables[i];
        if (strcmp(t->name, name) == 0 && t->from <= day && (!t->until || day <= t->until)) {
            best = t; /* by first day: the last one that fits is the newest */
        }
    }
    return best;
}

const struct fare_station *fare_station(const struct fare_table *t, uint32_t id)
{
    unsigned lo = 0, hi = t->station_count;
    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        if (t->stations[mid].id == id) {
            return &t->stations[mid];
        }
        if (t->stations[mid].id < id) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return NULL;
}

const struct fare_concession *fare_concession(const struct fare_table *t, const char *category)
{
    for (unsigned i = 0; *category && i < t->concession_count; i++) {
        if (strcmp(t->concessions[i].category, category) == 0) {
            return &t->concessions[i];
        }
    }
    return NULL;
}

const struct fare_pass_kind *fare_pass_kind(const struct fare_table *t, const char *id)
{
    for (unsigned i = 0; i < t->pass_count; i++) {
        if (strcmp(t->passes[i].id, id) == 0) {
            return &t->passes[i];
        }
    }
    return NULL;
}

static bool band(const struct fare_table *t, int64_t measure, fen_t *ret)
{
    for (unsigned i = 0; i < t->band_count; i++) {
        if (measure <= t->bands[i].up_to) {
            *ret = t->bands[i].fare;
            return true;
        }
    }
    return false;
}

static const struct fare_pair *pair(const struct fare_table *t, uint32_t from, uint32_t to)
{
    uint32_t a = from < to ? from : to, b = from < to ? to : from;
    unsigned lo = 0, hi = t->pair_count;
    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        const struct fare_pair *p = &t->pairs[mid];
        if (p->from == a && p->to == b) {
            return p;
        }
        if (p->from < a || (p->from == a && p->to < b)) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return NULL;
}

static bool flat(const struct fare_table *t, uint32_t line, fen_t *ret)
{
    *ret = t->flat;
    for (unsigned i = 0; line && i < t->line_count; i++) {
        if (t->lines[i].id == line) {
            *ret = t->lines[i].fare;
        }
    }
    return *ret > 0;
}

bool fare_base(const struct fare_table *t, uint32_t line, uint32_t from, uint32_t to, fen_t *ret)
{
    if (t->kind == FARE_FLAT) {
        return flat(t, line, ret);
    }
    const struct fare_station *a = fare_station(t, from), *b = fare_station(t, to);
    if (!a || !b) {
        return false;
    }
    const struct fare_pair *p = pair(t, from, to);
    if (p) {
        *ret = p->fare;
        return true;
    }
    if (t->kind == FARE_ZONES) {
        return band(t, (a->zone > b->zone ? a->zone - b->zone : b->zone - a->zone) + 1, ret);
    }
    int32_t metres =
        t->metres
            ? t->metres[(size_t)(a - t->stations) * t->station_count + (size_t)(b - t->stations)]
            : -1;
    return metres >= 0 && band(t, metres, ret);
}

static fen_t extreme(const struct fare_table *t, int sign)
{
    fen_t best = t->flat;
    for (unsigned i = 0; i < t->line_count + t->band_count + t->pair_count; i++) {
        fen_t fare = i < t->line_count ? t->lines[i].fare
                     : i < t->line_count + t->band_count
                         ? t->bands[i - t->line_count].fare
                         : t->pairs[i - t->line_count - t->band_count].fare;
        if (!best || sign * fare > sign * best) {
            best = fare;
        }
    }
    return best;
}

fen_t fare_dearest(const struct fare_table *t)
{
    return extreme(t, 1);
}

fen_t fare_cheapest(const struct fare_table *t)
{
    return extreme(t, -1);
}

void fare_table_free(struct fare_table *t)
{
    if (t) {
        free(t->metres);
        free(t->pairs);
        free(t);
    }
}

void fare_set_free(struct fare_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        fare_table_free(set->tables[i]);
    }
    free(set->tables);
    *set = (struct fare_set){0};
}
