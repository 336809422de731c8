/* Each card's rides are counted in the order they were posted, once by each table: what was paid
 * before (caps, steps) and when the last ride ended (transfers) is kept for both. Rides of other
 * tables move those sums by what was really paid. */
#include "transit_compare.h"

#include <stdlib.h>
#include <string.h>

#define DETAIL_MS 30000

/* A sum by category, or by pair of stations. */
struct line {
    char key[64];
    int64_t rides;
    fen_t paid, old, new, old_gross, new_gross;
};
struct lines {
    struct line *items;
    size_t count, room;
};
struct rider {
    char card[32];
    struct fare_sums old, new;
};
struct compare {
    struct ctl *c;
    const struct compare_ask *ask;
    struct rider *riders;
    size_t rider_count, rider_room; /* kept in order of `card` */
    struct lines categories, pairs;
    struct line total;
    int64_t seen, on_pass, unknown, other;
    bool cut;
};

/* ---- sorted arrays ---- */

static void *place_for(void *items, size_t *count, size_t *room, size_t size, const char *key,
                       size_t *ret_at)
{
    size_t lo = 0, hi = *count;
    char *base = items;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int order = strcmp(base + mid * size, key); /* the key is the first member */
        if (order == 0) {
            *ret_at = mid;
            return items;
        }
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (*count == *room) {
        size_t more = *room ? *room * 2 : 64;
        base = realloc(items, more * size);
        if (!base)
            return NULL;
        *room = more;
    }
    memmove(base + (lo + 1) * size, base + lo * size, (*count - lo) * size);
    memset(base + lo * size, 0, size);
    (*count)++;
    *ret_at = lo;
    return base;
}

static struct line *line_of(struct lines *l, const char *key)
{
    size_t at = 0;
    char cut[64];
    (void)snprintf(cut, sizeof cut, "%s", key);
    void *items = place_for(l->items, &l->count, &l->room, sizeof *l->items, cut, &at);
    if (!items)
        return NULL;
    l->items = items;
    memcpy(l->items[at].key, cut, sizeof cut);
    return &l->items[at];
}

static struct rider *rider_of(struct compare *x, const char *card)
{
    size_t at = 0;
    char cut[32];
    (void)snprintf(cut, sizeof cut, "%s", card);
    void *items =
        place_for(x->riders, &x->rider_count, &x->rider_room, sizeof *x->riders, cut, &at);
    if (!items)
        return NULL;
    x->riders = items;
    memcpy(x->riders[at].card, cut, sizeof cut);
    return &x->riders[at];
}

/* ---- one ride ---- */

static const char *text_of(const json_t *j, const char *name)
{
    const char *text = json_string_value(json_object_get(j, name));
    return text ? text : "";
}

static int64_t int_of(const json_t *j, const char *name)
{
    return json_integer_value(json_object_get(j, name));
}

static bool read_ride(const json_t *d, struct fare_ride *ret)
{
    struct fare_ride r = {.line = (uint32_t)int_of(d, "line"),
                          .from = (uint32_t)int_of(d, "from"),
                          .to = (uint32_t)int_of(d, "to"),
                          .category = text_of(d, "category"),
                          .surcharge = int_of(d, "surcharge"),
                          .plain = json_is_true(json_object_get(d, "plain"))};
    if (!fare_stamp_read(text_of(d, "at"), &r.at) || !fare_stamp_read(text_of(d, "end"), &r.end))
        return false;
    *ret = r;
    return true;
}

static void add(struct line *l, fen_t paid, const struct fare *old, const struct fare *new)
{
    if (!l)
        return;
    l->rides++;
    l->paid += paid;
    l->old += old->citizen;
    l->new += new->citizen;
    l->old_gross += old->gross;
    l->new_gross += new->gross;
}

/* A ride of another table, or one without facts: only what it leaves behind counts. */
static void pass_by(struct compare *x, struct rider *r, const struct fare_ride *ride,
                    const char *table, fen_t paid)
{
    static const struct fare_table nameless; /* only its name is looked at: it is set below */
    struct fare f = {.citizen = paid, .pass = -1};
    fare_count(&nameless, ride, &f, &r->old);
    fare_count(&nameless, ride, &f, &r->new);
    (void)snprintf(r->old.last_table, sizeof r->old.last_table, "%s", table);
    (void)snprintf(r->new.last_table, sizeof r->new.last_table, "%s", table);
    x->other++;
}

static int count_ride(struct compare *x, const json_t *txn)
{
    const json_t *reply = json_object_get(txn, "reply"), *d = json_object_get(reply, "ride");
    const char *table = text_of(d, "table");
    struct rider *r = rider_of(x, text_of(txn, "card"));
    struct fare_ride ride;
    struct fare old, new;
    fen_t paid = int_of(txn, "amount_fen");
    char pair[64];
    if (!r)
        return ctl_fail(x->c, "no memory");
    if (!read_ride(d, &ride))
        return CTL_DONE; /* an entry, a pass, a ride of before */
    if (*text_of(reply, "pass")) {
        x->on_pass++;
        return CTL_DONE;
    }
    if (strcmp(table, x->ask->old->name) != 0 || json_object_get(d, "price")) {
        pass_by(x, r, &ride, table, paid);
        return CTL_DONE;
    }
    if (!fare_quote(x->ask->old, &ride, &r->old, &old) ||
        !fare_quote(x->ask->new, &ride, &r->new, &new)) {
        x->unknown++;
        return CTL_DONE;
    }
    fare_count(x->ask->old, &ride, &old, &r->old);
    fare_count(x->ask->new, &ride, &new, &r->new);
    (void)snprintf(pair, sizeof pair, "%u-%u", ride.from, ride.to);
    add(&x->total, paid, &old, &new);
    add(line_of(&x->categories, *ride.category ? ride.category : "adult"), paid, &old, &new);
    add(line_of(&x->pairs, ride.from ? pair : "flat"), paid, &old, &new);
    return CTL_DONE;
}

/* ---- the ledger's rides ---- */

static bool is_ride(const json_t *row)
{
    static const char *const services[] = {"transit.ride", "transit.exit", "transit.gate",
                                           "transit.correct"};
    bool is = false;
    for (size_t i = 0; i < ARRAY_LEN(services); i++)
        is = is || strcmp(text_of(row, "service"), services[i]) == 0;
    return is && strcmp(text_of(row, "state"), "posted") == 0 && int_of(row, "refunded_fen") == 0 &&
           !(strcmp(text_of(row, "service"), "transit.gate") == 0 && int_of(row, "gross_fen") == 0);
}

static int one_row(struct compare *x, const json_t *row)
{
    char path[512];
    json_t *txn = NULL;
    if (!is_ride(row))
        return CTL_DONE;
    if (x->seen == x->ask->most) {
        x->cut = true;
        return CTL_DONE;
    }
    x->seen++;
    int rc = ctl_call(x->c, "GET", ctl_path(path, "/v1/txns/", text_of(row, "txn"), ""), NULL,
                      DETAIL_MS, &txn);
    if (rc == CTL_DONE)
        rc = count_ride(x, txn);
    json_decref(txn);
    return rc;
}

static int one_day(struct compare *x, int32_t day)
{
    char path[160], after[40] = "";
    int rc = CTL_DONE;
    do {
        json_t *page = NULL;
        size_t i;
        const json_t *row;
        (void)snprintf(path, sizeof path, "/v1/txns?date=%04d-%02d-%02d&limit=500%s%s", day / 10000,
                       day / 100 % 100, day % 100, *after ? "&after=" : "", after);
        rc = ctl_call(x->c, "GET", path, NULL, DETAIL_MS, &page);
        json_array_foreach(json_object_get(page, "items"), i, row) if (rc == CTL_DONE) rc =
            one_row(x, row);
        (void)snprintf(after, sizeof after, "%s", text_of(page, "next"));
        json_decref(page);
    } while (rc == CTL_DONE && *after && !x->cut);
    return rc;
}

/* ---- the answer ---- */

static json_t *line_json(const struct line *l)
{
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "key", l->key, "rides",
                     (json_int_t)l->rides, "paid_fen", (json_int_t)l->paid, "old_gross_fen",
                     (json_int_t)l->old_gross, "new_gross_fen", (json_int_t)l->new_gross, "old_fen",
                     (json_int_t)l->old, "new_fen", (json_int_t)l->new, "difference_fen",
                     (json_int_t)(l->new - l->old));
}

static int by_difference(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    fen_t dx = llabs(x->new - x->old), dy = llabs(y->new - y->old);
    return dx != dy ? (dx < dy ? 1 : -1) : strcmp(x->key, y->key);
}

static json_t *lines_json(const struct lines *l, size_t most)
{
    json_t *list = json_array();
    for (size_t i = 0; i < l->count && i < most; i++)
        json_array_append_new(list, line_json(&l->items[i]));
    return list;
}

static void print_lines(struct ctl *c, const char *title, const json_t *list)
{
    struct out_column columns[] = {
        {title, "key", OUT_TEXT},
        {"rides", "rides", OUT_INT},
        {"paid", "paid_fen", OUT_FEN},
        {"old gross", "old_gross_fen", OUT_FEN},
        {"new gross", "new_gross_fen", OUT_FEN},
        {"old fares", "old_fen", OUT_FEN},
        {"new fares", "new_fen", OUT_FEN},
        {"difference", "difference_fen", OUT_FEN},
    };
    out_table(c, list, columns, ARRAY_LEN(columns));
    (void)fputc('\n', c->out);
}

static void answer(struct compare *x)
{
    struct ctl *c = x->c;
    const struct compare_ask *a = x->ask;
    if (x->pairs.count > 0)
        qsort(x->pairs.items, x->pairs.count, sizeof *x->pairs.items, by_difference);
    (void)snprintf(x->total.key, sizeof x->total.key, "all");
    json_t *categories = lines_json(&x->categories, SIZE_MAX);
    json_array_append_new(categories, line_json(&x->total));
    json_t *pairs = lines_json(&x->pairs, a->pairs);
    if (c->json) {
        json_t *j =
            json_pack("{s:s, s:I, s:s, s:I, s:I, s:I, s:I, s:b, s:O, s:O}", "old", a->old->name,
                      "old_from", (json_int_t)a->old->from, "new", a->new->name, "new_from",
                      (json_int_t)a->new->from, "on_pass", (json_int_t)x->on_pass, "not_in_table",
                      (json_int_t)x->unknown, "other_rides", (json_int_t)x->other, "cut", x->cut,
                      "categories", categories, "pairs", pairs);
        out_json(c->out, j);
        json_decref(j);
    } else {
        (void)fprintf(c->out, "old: %s from %d (%s)\nnew: %s from %d (%s)\n\n", a->old->name,
                      a->old->from, a->old->file, a->new->name, a->new->from, a->new->file);
        print_lines(c, "category", categories);
        print_lines(c, "from-to", pairs);
        (void)fprintf(c->out,
                      "left out: %lld on passes, %lld of other tables or at special prices, "
                      "%lld whose stations a table lacks\n",
                      (long long)x->on_pass, (long long)x->other, (long long)x->unknown);
        if (x->cut)
            (void)fprintf(c->out, "only the first %lld rides: --most N looks at more\n",
                          (long long)x->seen);
    }
    json_decref(categories);
    json_decref(pairs);
}

int compare_tables(struct ctl *c, const struct compare_ask *ask)
{
    struct compare x = {.c = c, .ask = ask};
    int rc = CTL_DONE;
    for (int32_t day = ask->from; rc == CTL_DONE && day <= ask->to && !x.cut;
         day = fare_date_add(day, 1))
        rc = one_day(&x, day);
    if (rc == CTL_DONE)
        answer(&x);
    free(x.riders);
    free(x.categories.items);
    free(x.pairs.items);
    return rc;
}
