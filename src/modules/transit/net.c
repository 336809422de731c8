/* Stations, ways and their prices. Distances are the shortest ways over the links: computed when
 * the table is read, so that a gate only looks them up. */
#include "read.h"

#include <stdlib.h>
#include <string.h>

#define ID_MAX    99999999 /* eight digits: what the widest journey record holds */
#define METRE_MAX 1000000

static int by_id(const void *a, const void *b)
{
    const struct fare_station *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

static void read_stations(struct reading *r, const struct onecard_doc *d, struct fare_table *t)
{
    static const struct field fields[] = {
        {.name = "id", FIELD(FIELD_ID, struct fare_station, id, .required = true, .max = ID_MAX)},
        {.name = "name", FIELD(FIELD_TEXT, struct fare_station, name)},
        {.name = "zone", .type = FIELD_OTHER},
    };
    size_t n = r->host->doc_count(d);
    if (n > FARE_STATIONS_MAX) {
        read_fault(r, d, "more than %d stations", FARE_STATIONS_MAX);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const struct onecard_doc *v = r->host->doc_at(d, i, NULL), *zone;
        struct fare_station s = {0};
        uint32_t number = 0;
        read_object(r, v, fields, sizeof(fields) / sizeof(fields[0]), &s);
        zone = r->host->doc_get(v, "zone");
        if (zone && read_id(r, zone, 1000, &number)) {
            s.zone = (int32_t)number;
        } else if (!zone && t->kind == FARE_ZONES) {
            read_fault(r, v, "the station has no zone");
        }
        for (unsigned j = 0; j < t->station_count; j++) {
            if (t->stations[j].id == s.id ||
                (*s.name && strcmp(t->stations[j].name, s.name) == 0)) {
                read_fault(r, v, "station %u %s is there twice", s.id, s.name);
            }
        }
        t->stations[t->station_count++] = s;
    }
    qsort(t->stations, t->station_count, sizeof(t->stations[0]), by_id);
}

struct link {
    uint32_t a, b, metres;
};

/* Shortest ways between all (Floyd and Warshall). */
static void all_ways(int32_t *m, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        for (size_t i = 0; i < n; i++) {
            int32_t ik = m[i * n + k];
            for (size_t j = 0; ik >= 0 && j < n; j++) {
                int32_t kj = m[k * n + j], *ij = &m[i * n + j];
                if (kj >= 0 && (*ij < 0 || ik + kj < *ij)) {
                    *ij = ik + kj;
                }
            }
        }
    }
}

static void put_link(struct reading *r, const struct onecard_doc *d, struct fare_table *t,
                     const struct link *x)
{
    const struct fare_station *a = fare_station(t, x->a), *b = fare_station(t, x->b);
    size_t n = t->station_count;
    if (!a || !b || a == b) {
        read_fault(r, d, "a link goes between two stations of the table, not %u and %u", x->a,
                   x->b);
        return;
    }
    size_t i = (size_t)(a - t->stations), j = (size_t)(b - t->stations);
    if (t->metres[i * n + j] >= 0) {
        read_fault(r, d, "the link of %u and %u is there twice", x->a, x->b);
    }
    t->metres[i * n + j] = t->metres[j * n + i] = (int32_t)x->metres;
}

static void read_links(struct reading *r, const struct onecard_doc *d, struct fare_table *t)
{
    static const struct field fields[] = {
        {.name = "a", FIELD(FIELD_ID, struct link, a, .required = true, .max = ID_MAX)},
        {.name = "b", FIELD(FIELD_ID, struct link, b, .required = true, .max = ID_MAX)},
        {.name = "metres",
         FIELD(FIELD_ID, struct link, metres, .required = true, .max = METRE_MAX)},
    };
    size_t n = t->station_count;
    t->metres = n ? malloc(n * n * sizeof(int32_t)) : NULL;
    if (!t->metres) {
        read_fault(r, d, "links need stations (and memory)");
        return;
    }
    for (size_t i = 0; i < n * n; i++) {
        t->metres[i] = i % (n + 1) ? -1 : 0;
    }
    for (size_t i = 0; i < r->host->doc_count(d); i++) {
        const struct onecard_doc *v = r->host->doc_at(d, i, NULL);
        struct link x = {0};
        unsigned before = r->faults;
        read_object(r, v, fields, sizeof(fields) / sizeof(fields[0]), &x);
        if (r->faults == before) {
            put_link(r, v, t, &x);
        }
    }
    if (!r->faults) { /* metres of a way: at most 511 links of 1,000 km, which an int32 holds */
        all_ways(t->metres, n);
    }
}

static void read_bands(struct reading *r, const struct onecard_doc *d, struct fare_table *t)
{
    static const struct field fields[] = {
        {.name = "up_to", .type = FIELD_OTHER},
        {.name = "fare", FIELD(FIELD_FEN, struct fare_band, fare, .required = true)},
    };
    size_t n = r->host->doc_count(d);
    if (n > FARE_BANDS_MAX) {
        read_fault(r, d, "more than %d bands", FARE_BANDS_MAX);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const struct onecard_doc *v = r->host->doc_at(d, i, NULL), *up_to;
        struct fare_band b = {.up_to = INT64_MAX};
        uint32_t most = 0;
        read_object(r, v, fields, sizeof(fields) / sizeof(fields[0]), &b);
        up_to = r->host->doc_get(v, "up_to");
        if (up_to && read_id(r, up_to, METRE_MAX, &most)) {
            b.up_to = most;
        }
        if (t->band_count && b.up_to <= t->bands[t->band_count - 1].up_to) {
            read_fault(r, v, "bands go upwards; only the last one may be without up_to");
        }
        t->bands[t->band_count++] = b;
    }
}

static int by_pair(const void *a, const void *b)
{
    const struct fare_pair *x = a, *y = b;
    if (x->from != y->from) {
        return x->from < y->from ? -1 : 1;
    }
    return x->to < y->to ? -1 : x->to > y->to;
}

static void read_pairs(struct reading *r, const struct onecard_doc *d, struct fare_table *t)
{
    static const struct field fields[] = {
        {.name = "from", FIELD(FIELD_ID, struct fare_pair, from, .required = true, .max = ID_MAX)},
        {.name = "to", FIELD(FIELD_ID, struct fare_pair, to, .required = true, .max = ID_MAX)},
        {.name = "fare", FIELD(FIELD_FEN, struct fare_pair, fare, .required = true)},
    };
    size_t n = r->host->doc_count(d);
    t->pairs = n && n <= FARE_PAIRS_MAX ? calloc(n, sizeof(*t->pairs)) : NULL;
    if (n && !t->pairs) {
        read_fault(r, d, "more than %d pairs", FARE_PAIRS_MAX);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const struct onecard_doc *v = r->host->doc_at(d, i, NULL);
        struct fare_pair p = {0};
        read_object(r, v, fields, sizeof(fields) / sizeof(fields[0]), &p);
        if (!fare_station(t, p.from) || !fare_station(t, p.to)) {
            read_fault(r, v, "%u or %u is no station of the table", p.from, p.to);
        }
        if (p.from > p.to) {
            p = (struct fare_pair){p.to, p.from, p.fare};
        }
        t->pairs[t->pair_count++] = p;
    }
    if (t->pair_count) {
        qsort(t->pairs, t->pair_count, sizeof(*t->pairs), by_pair);
    }
    for (unsigned i = 1; i < t->pair_count; i++) {
        if (by_pair(&t->pairs[i - 1], &t->pairs[i]) == 0) {
            read_fault(r, d, "the pair %u and %u is there twice", t->pairs[i].from, t->pairs[i].to);
        }
    }
}

static void read_lines(struct reading *r, const struct onecard_doc *d, struct fare_table *t)
{
    for (size_t i = 0; i < r->host->doc_count(d); i++) {
        const char *name = NULL;
        const struct onecard_doc *v = r->host->doc_at(d, i, &name);
        char *end = NULL;
        unsigned long id = name ? strtoul(name, &end, 10) : 0;
        if (!name || t->line_count == FARE_LINES_MAX || !id || id > ID_MAX || *end) {
            read_fault(r, v, "\"%.40s\" is no number of a line (at most %d lines)",
                       name ? name : "", FARE_LINES_MAX);
            return;
        }
        struct fare_line *line = &t->lines[t->line_count++];
        line->id = (uint32_t)id;
        read_fen(r, v, 1, &line->fare);
    }
}

/* No gate may find out that two stations have no fare. */
static void check_ways(struct reading *r, const struct onecard_doc *d, const struct fare_table *t)
{
    fen_t fare;
    for (unsigned i = 0; i < t->station_count; i++) {
        for (unsigned j = i; j < t->station_count; j++) {
            uint32_t a = t->stations[i].id, b = t->stations[j].id;
            if (!fare_base(t, 0, a, b, &fare)) {
                read_fault(r, d, "there is no fare from station %u to %u: no way, or no band", a,
                           b);
                return;
            }
        }
    }
}

void read_net(struct reading *r, const struct onecard_doc *d, struct fare_table *t)
{
    const struct onecard_host *h = r->host;
    bool flat = t->kind == FARE_FLAT;
    read_lines(r, h->doc_get(d, "lines"), t);
    read_stations(r, h->doc_get(d, "stations"), t);
    if (h->doc_get(d, "links")) {
        read_links(r, h->doc_get(d, "links"), t);
    }
    read_bands(r, h->doc_get(d, "bands"), t);
    read_pairs(r, h->doc_get(d, "pairs"), t);
    if (flat && !t->flat && !t->line_count) {
        read_fault(r, d, "a flat table needs flat, or lines");
    }
    if (!flat && (t->flat || t->line_count)) {
        read_fault(r, d, "flat and lines belong to a table of kind flat");
    }
    if (!flat && !t->station_count) {
        read_fault(r, d, "a table of zones or distances needs stations");
    }
    if (!flat && !r->faults) {
        check_ways(r, d, t);
    }
}
